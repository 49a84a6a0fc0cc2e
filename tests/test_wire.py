"""Both versions of the API on the wire, and what is made of odd records."""

import json
from typing import Any

import pytest

from ges_exporter.backups import Backup
from ges_exporter.coverage import Graph
from ges_exporter.envelope import WrongShapeError, envelope
from ges_exporter.wire import V1, V2, Page, Unreadable, read_quota
from tests.projects import backup, wire_backup


def page(answer: Any) -> Page[Backup]:
    return V1.backups()(envelope(json.dumps(answer).encode()))


def read(**changes: Any) -> Backup | Unreadable:
    """What v1.0 makes of one record with these fields."""
    (item,) = page({"backupCount": 1, "backupList": [wire_backup(**changes)]}).items
    return item


def good(**changes: Any) -> Backup:
    item = read(**changes)
    assert isinstance(item, Backup), item
    return item


def without(key: str) -> Backup | Unreadable:
    record = wire_backup()
    del record[key]
    (item,) = page({"backupCount": 1, "backupList": [record]}).items
    return item


SNAKE = {
    "backupMethod": "backup_method",
    "graphId": "graph_id",
    "graphStatus": "graph_status",
    "graphSizeTypeIndex": "graph_size_type_index",
    "dataStoreVersion": "data_store_version",
    "startTimestamp": "start_timestamp",
    "endTimestamp": "end_timestamp",
}


def test_v1_and_v2_say_the_same() -> None:
    record = {SNAKE.get(key, key): value for key, value in wire_backup().items()}
    body = json.dumps({"backup_count": 1, "backup_list": [record]}).encode()
    assert [backup()] == list(V2.backups()(envelope(body)).items)
    assert backup() == read()


@pytest.mark.parametrize(
    ("wire", "keys"),
    [
        (V1, ("graphCount", "graphSizeTypeIndex", "dataStoreVersion", "productType")),
        (V2, ("graph_count", "graph_size_type_index", "data_store_version", "product_type")),
    ],
    ids=["v1.0", "v2"],
)
def test_graphs_of_both_versions(wire: Any, keys: tuple[str, ...]) -> None:
    count, index, version, product = keys
    record = {"id": "g", "name": "n", "status": "200", index: "2", version: "2.4", "arch": "aarch64"}
    record |= {product: "Persistence", "created": "1970-01-01T00:01:00"}
    found = wire.graphs()(envelope(json.dumps({count: 1, "graphs": [record]}).encode()))
    assert [Graph("g", "n", "200", "2", "2.4", "aarch64", "Persistence", 60.0)] == list(found.items)


def test_the_graphs_name_may_be_spelled_either_way() -> None:
    record = wire_backup(graphName="camel")
    del record["graph_name"]
    (item,) = page({"backupCount": 1, "backupList": [record]}).items
    assert isinstance(item, Backup)
    assert item.graph_name == "camel"


def test_digits_in_quotes_are_numbers() -> None:
    changes = {"startTimestamp": "1000000", "endTimestamp": "1060000", "size": "5", "duration": "60"}
    assert backup() == read(**changes)


@pytest.mark.parametrize("unknown", [None, "", 0, "0", -1])
@pytest.mark.parametrize(("key", "field"), [("endTimestamp", "end"), ("size", "size"), ("duration", "duration")])
def test_what_says_nothing_is_unknown(unknown: Any, key: str, field: str) -> None:
    assert getattr(good(**{key: unknown}), field) is None


@pytest.mark.parametrize(("key", "field"), [("endTimestamp", "end"), ("size", "size"), ("duration", "duration")])
def test_what_is_missing_is_unknown(key: str, field: str) -> None:
    assert getattr(without(key), field) is None


@pytest.mark.parametrize("key", ["arch", "graphId", "dataStoreVersion"])
@pytest.mark.parametrize("empty", [None, ""])
def test_some_texts_may_be_empty(key: str, empty: str | None) -> None:
    field = {"graphId": "graph_id", "dataStoreVersion": "data_store_version"}.get(key, key)
    assert getattr(good(**{key: empty}), field) == ""
    assert getattr(without(key), field) == ""


@pytest.mark.parametrize("key", ["id", "status", "backupMethod", "graph_name", "startTimestamp"])
def test_a_record_needs_some_keys(key: str) -> None:
    assert Unreadable("" if key == "id" else "b1", f"no {key}") == without(key)
    assert Unreadable("" if key == "id" else "b1", f"no {key}") == read(**{key: None})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"startTimestamp": 10**18}, "startTimestamp is not a time"),
        ({"endTimestamp": "yesterday"}, "endTimestamp is not a number"),
        ({"startTimestamp": "nan"}, "startTimestamp is not a number"),
        ({"size": "1 MB"}, "size is not a number"),
        ({"size": [1]}, "size"),
        ({"graph_name": {}}, "graph_name"),
    ],
)
def test_what_makes_no_sense_makes_the_record_unreadable(changes: dict[str, Any], reason: str) -> None:
    item = read(**changes)
    assert isinstance(item, Unreadable)
    assert item.id == "b1"
    assert reason in item.reason


@pytest.mark.parametrize("item", [None, 7, "text", [], [1]])
def test_what_is_no_object_spoils_itself_alone(item: Any) -> None:
    first, second = page({"backupCount": 2, "backupList": [item, wire_backup()]}).items
    assert isinstance(first, Unreadable)
    assert backup() == second


def test_unknown_keys_statuses_and_methods_pass() -> None:
    item = good(status="paused", backupMethod="weekly", colour="red")
    assert (item.status, item.method) == ("paused", "weekly")


@pytest.mark.parametrize(
    ("told", "expected"), [(True, True), ("true", True), (False, False), (None, False), ("", False)]
)
def test_encrypted_is_what_says_so(told: Any, expected: bool) -> None:  # noqa: FBT001
    assert expected is good(encrypted=told).encrypted


def test_half_a_character_becomes_the_replacement_character() -> None:
    body = b'{"backupCount": 1, "backupList": [%s]}' % json.dumps(wire_backup(graph_name="X")).encode().replace(
        b'"X"', rb'"a\ud800b\ud83d\ude00"'
    )
    (item,) = V1.backups()(envelope(body)).items
    assert isinstance(item, Backup)
    assert item.graph_name == "a\ufffdb\U0001f600"
    item.graph_name.encode()


class TestPages:
    @pytest.mark.parametrize("nothing", [{"backupList": None}, {}, {"backupList": []}])
    def test_no_list_is_an_empty_one_where_the_count_is_0(self, nothing: dict[str, Any]) -> None:
        assert Page(0, []) == page({"backupCount": 0, **nothing})

    @pytest.mark.parametrize(
        "answer",
        [
            {},
            {"backupList": []},
            {"backupCount": None, "backupList": []},
            {"backupCount": -1, "backupList": []},
            {"backupCount": 1.5, "backupList": []},
            {"backupCount": "many", "backupList": []},
            {"backupCount": 2},
            {"backupCount": 2, "backupList": None},
            {"backupCount": 2, "backupList": {}},
        ],
    )
    def test_what_is_no_page_is_refused(self, answer: dict[str, Any]) -> None:
        with pytest.raises(WrongShapeError):
            page(answer)

    def test_a_count_may_be_digits_in_quotes(self) -> None:
        assert page({"backupCount": "1", "backupList": [wire_backup()]}).count == 1

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"a": "\xff"}', b"[" * 100_000])
    def test_what_is_no_object_is_refused(self, body: bytes) -> None:
        with pytest.raises(WrongShapeError):
            envelope(body)


def test_the_quota_of_backups_is_read() -> None:
    body = b'{"quotas": {"resources": [{"type": "graph", "available": 1}, {"type": "backup", "available": 7}]}}'
    assert read_quota(envelope(body)) == 7.0
    with pytest.raises(WrongShapeError):
        read_quota(envelope(b'{"quotas": {"resources": []}}'))
