"""The join of graphs and backups, and the rules of how old is too old."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ges_exporter.backups import Backup, graph_names
from ges_exporter.coverage import DEFAULT_MAX_AGE, Coverage, Expectation, Graph, cover, idle_rules
from tests.projects import backup

identities = st.sampled_from(["g1", "g2", "g3"])
records = st.builds(
    backup,
    st.uuids().map(str),
    graph_id=identities,
    graph_name=st.sampled_from(["orders", "social"]),
    method=st.sampled_from(["auto", "import"]),
    status=st.sampled_from(["success", "failed"]),
    end=st.integers(1, 9).map(float),
)
graphs = st.builds(
    Graph,
    identities,
    st.sampled_from(["orders", "social"]),
    status=st.sampled_from(["200", "400"]),
    size_type_index=st.sampled_from(["0", "1"]),
    product_type=st.sampled_from(["InMemory", "Persistence"]),
)
rules = st.lists(
    st.builds(
        Expectation, st.sampled_from(["orders", "ord", "soc.*", ".*"]).map(re.compile), st.sampled_from([60.0, None])
    ),
    max_size=3,
)


def judge(
    *backups: Backup, listed: list[Graph] | None = None, expectations: list[Expectation] | None = None
) -> list[Coverage]:
    names = graph_names(backups) | {graph.id: graph.name for graph in listed or ()}
    return cover(backups, names, listed, expectations)


@given(
    st.lists(records, max_size=12, unique_by=lambda b: b.id),
    st.lists(graphs, max_size=3, unique_by=lambda g: g.id) | st.none(),
    rules | st.none(),
)
@settings(max_examples=200, deadline=None)
def test_the_join_and_the_rules_are_those_of_an_oracle(
    backups: list[Backup], listed: list[Graph] | None, expectations: list[Expectation] | None
) -> None:
    found = {each.graph.id: each for each in judge(*backups, listed=listed, expectations=expectations)}
    known = {g.id for g in listed or ()}
    assert known | {b.graph_id for b in backups} == set(found)
    for identity, coverage in found.items():
        good = [b for b in backups if b.graph_id == identity and b.status == "success"]
        assert len(good) == coverage.successful
        fresh = sorted((b for b in good if b.method != "import"), key=lambda b: (b.end, b.id))
        assert (fresh[-1] if fresh else None) == coverage.last_success
        graph = coverage.graph
        exists = (identity in known or listed is None) and graph.status != "400"
        first = [r.max_age for r in expectations or () if r.graph.fullmatch(graph.name)][:1] or [None]
        if expectations is None:
            by_itself = graph.size_type_index != "0" and graph.product_type != "Persistence"
            first = [DEFAULT_MAX_AGE if by_itself else None]
        assert (first[0] if exists else None) == coverage.max_age


def test_a_reborn_name_has_none_of_the_dead_graphs_backups() -> None:
    reborn = Graph("new", "orders", status="200", size_type_index="1")
    found = {each.graph.id: each for each in judge(backup(graph_id="dead", graph_status="400"), listed=[reborn])}
    assert (found["new"].successful, found["new"].last_success, found["new"].max_age) == (0, None, DEFAULT_MAX_AGE)
    assert (found["dead"].successful, found["dead"].max_age) == (1, None)


def test_an_import_is_a_backup_but_no_fresh_one() -> None:
    old = backup("old", end=5.0)
    (found,) = judge(old, backup("imported", method="import", end=9.0))
    assert (2, old) == (found.successful, found.last_success)


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        (Graph("g", "n", status="200", size_type_index="1"), 48 * 3600.0),
        (Graph("g", "n", status="200", size_type_index="0"), None),
        (Graph("g", "n", status="200", product_type="Persistence"), None),
        (Graph("g", "n", status="400", size_type_index="1"), None),
        (Graph("g", "n", status="300", size_type_index="1"), 48 * 3600.0),
    ],
)
def test_without_expectations_only_graphs_that_ges_backs_up_itself_should_have_a_backup(
    graph: Graph, expected: float | None
) -> None:
    assert [expected] == [each.max_age for each in judge(listed=[graph])]


class TestExpectations:
    def test_the_first_match_wins(self) -> None:
        rules = [Expectation(re.compile("orders"), 60.0), Expectation(re.compile(".*"), 90.0)]
        assert [each.max_age for each in judge(backup(), expectations=rules)] == [60.0]

    def test_the_whole_name_has_to_match(self) -> None:
        rules = [Expectation(re.compile("order"), 60.0)]
        assert [each.max_age for each in judge(backup(), expectations=rules)] == [None]

    def test_never_silences_what_a_later_rule_would_match(self) -> None:
        rules = [Expectation(re.compile("orders"), None), Expectation(re.compile(".*"), 60.0)]
        assert [each.max_age for each in judge(backup(), expectations=rules)] == [None]

    def test_reach_graphs_that_ges_does_not_back_up_itself(self) -> None:
        rules = [Expectation(re.compile(".*"), 60.0)]
        small = Graph("g", "small", status="200", size_type_index="0")
        assert [each.max_age for each in judge(listed=[small], expectations=rules)] == [60.0]

    def test_say_nothing_of_deleted_graphs(self) -> None:
        rules = [Expectation(re.compile(".*"), 60.0)]
        assert [each.max_age for each in judge(backup(graph_status="400"), expectations=rules)] == [None]

    def test_a_rule_that_matches_nothing_is_idle(self) -> None:
        busy, idle = Expectation(re.compile("o.*"), 60.0), Expectation(re.compile("ordres"), None)
        assert [idle] == idle_rules([busy, idle], ["orders"])


def test_a_graph_missing_from_the_list_of_graphs_is_gone_whatever_its_records_say() -> None:
    (found,) = judge(backup(graph_status="200"), listed=[])
    assert found.max_age is None


def test_a_graph_never_backed_up_has_no_success_and_is_expected_to_have_one() -> None:
    (found,) = judge(listed=[Graph("g", "n", status="200", size_type_index="1")])
    assert (found.successful, found.last_success, found.max_age) == (0, None, DEFAULT_MAX_AGE)


def test_a_graph_missing_from_a_list_that_is_not_whole_still_exists() -> None:
    [graph] = cover([backup()], {"g1": "orders"}, [], None, whole=False)
    assert graph.max_age == 48 * 3600


def test_a_graph_missing_from_the_whole_list_is_gone() -> None:
    [graph] = cover([backup()], {"g1": "orders"}, [], None)
    assert graph.max_age is None
