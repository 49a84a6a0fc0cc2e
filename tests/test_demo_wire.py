"""What the made-up cloud writes: the vendor's own sample, both versions, and what the official SDK reads of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkges import v1, v2
from huaweicloudsdkges.v1.model.backup import Backup as OldBackup
from huaweicloudsdkges.v1.model.graph1 import Graph1 as OldGraph
from huaweicloudsdkges.v2.model.list_backups_resp_backup_list import ListBackupsRespBackupList as NewBackup
from huaweicloudsdkges.v2.model.list_graphs_resp_graphs import ListGraphsRespGraphs as NewGraph

from ges_exporter.demo import wire
from ges_exporter.demo.accounts import ACCESS_KEY, PROJECT_ID, SECRET_KEY
from ges_exporter.demo.cloud import MadeUpCloud
from ges_exporter.demo.history import Backup, Graph, history
from tests.demo_client import NOW, SetClock, get, token_of
from tests.signatures import official_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SAMPLE_GRAPH = Graph(
    id="4c5f882d-a813-4d78-a8e3-6d3212ddd121",
    name="ges060803_nodelete",
    status="200",
    arch="x86_64",
    size_type_index="1",
    data_store_version="2.2.21",
    product_type="InMemory",
    encrypted=False,
    created=1_532_318_984,
)
SAMPLE_BACKUP = Backup(
    id="ada3e720-ab87-48cb-bff7-3ec5ae1a9652",
    name="ges060803_nodelete-20210608135513",
    graph=SAMPLE_GRAPH,
    method="manual",
    status="success",
    start=1_623_160_513,
    end=1_623_160_568,
    size=1,
    duration=54,
    encrypted=False,
)
SAMPLE = {
    "id": "ada3e720-ab87-48cb-bff7-3ec5ae1a9652",
    "name": "ges060803_nodelete-20210608135513",
    "backupMethod": "manual",
    "graphId": "4c5f882d-a813-4d78-a8e3-6d3212ddd121",
    "graph_name": "ges060803_nodelete",
    "graphStatus": "200",
    "graphSizeTypeIndex": "1",
    "dataStoreVersion": "2.2.21",
    "arch": "x86_64",
    "status": "success",
    "startTimestamp": 1623160513000,
    "startTime": "2021-06-08T13:55:13",
    "endTimestamp": 1623160568000,
    "endTime": "2021-06-08T13:56:08",
    "size": 1,
    "duration": 54,
    "encrypted": False,
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[MadeUpCloud]:
    """One that has run for five minutes, with some backups running."""
    with MadeUpCloud(clock=SetClock(), started=NOW - 310, projects=(PROJECT_ID,)) as made_up:
        yield made_up


def listed(cloud: MadeUpCloud, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = get(cloud, path, token_of(cloud)).json()
    return answer


class TestRecords:
    def test_a_backup_is_written_as_in_the_vendors_sample(self) -> None:
        assert wire.backup(SAMPLE_BACKUP) == SAMPLE

    def test_the_keys_come_in_the_samples_order(self) -> None:
        assert list(wire.backup(SAMPLE_BACKUP)) == list(SAMPLE)

    def test_the_creation_of_a_graph_is_written_as_in_the_vendors_sample(self) -> None:
        assert wire.graph(SAMPLE_GRAPH)["created"] == "2018-07-23T04:09:44"

    def test_what_is_not_told_is_null_or_missing_or_nothing(self) -> None:
        told = {
            how: wire.backup(msgspec.structs.replace(SAMPLE_BACKUP, end=None, size=None, duration=None, unknown=how))
            for how in ("null", "missing", "zero")
        }
        keys = ("endTimestamp", "endTime", "size", "duration")
        assert [told["null"][key] for key in keys] == [None, None, None, None]
        assert [key for key in keys if key in told["missing"]] == []
        assert [told["zero"][key] for key in keys] == [0, "", 0, 0]

    @pytest.mark.parametrize("key", ["graph_name", "graphName"])
    def test_the_graphs_name_goes_by_the_key_that_is_asked_for(self, key: str) -> None:
        with MadeUpCloud(graph_name_key=key) as cloud:
            answer = listed(cloud, "/v1.0/{project_id}/graphs/backups")
        assert {each for record in answer["backupList"] for each in record if each.startswith("graph")} == {
            key,
            "graphId",
            "graphStatus",
            "graphSizeTypeIndex",
        }

    def test_v2_tells_the_same_of_backups_under_other_keys(self, cloud: MadeUpCloud) -> None:
        old = listed(cloud, "/v1.0/{project_id}/graphs/backups?limit=1000")
        new = listed(cloud, "/v2/{project_id}/graphs/backups?limit=1000")
        assert set(new) == {"backup_count", "backup_list"}
        assert new["backup_count"] == old["backupCount"]
        assert [list(record.values()) for record in new["backup_list"]] == [
            list(record.values()) for record in old["backupList"]
        ]

    def test_v2_alone_tells_the_product_type(self, cloud: MadeUpCloud) -> None:
        old = listed(cloud, "/v1.0/{project_id}/graphs?limit=100")["graphs"]
        new = listed(cloud, "/v2/{project_id}/graphs?limit=100")["graphs"]
        assert [record for record in old if "productType" in record] == []
        assert {record["product_type"] for record in new} == {"InMemory", "Persistence"}
        for record in new:
            del record["product_type"]
        assert [list(record.values()) for record in new] == [list(record.values()) for record in old]

    def test_an_import_is_called_so_in_both_versions(self, cloud: MadeUpCloud) -> None:
        old = listed(cloud, "/v1.0/{project_id}/graphs/backups?limit=1000")["backupList"]
        new = listed(cloud, "/v2/{project_id}/graphs/backups?limit=1000")["backup_list"]
        assert {record["backupMethod"] for record in old} == {"auto", "manual", "import"}
        assert {record["backup_method"] for record in new} == {"auto", "manual", "import"}

    @pytest.mark.parametrize("version", ["v1.0", "v2"])
    def test_quotas_tell_how_many_more_may_be_made(self, cloud: MadeUpCloud, version: str) -> None:
        world = history(1, NOW - 310, NOW)
        answer = listed(cloud, f"/{version}/{{project_id}}/graphs/quotas")
        assert answer["quotas"]["resources"] == [
            {"type": "graph", "available": 50 - len(world.graphs)},
            {"type": "backup", "available": 200 - len(world.backups)},
        ]


class TestGivenRecords:
    def test_count_against_the_quota(self) -> None:
        with MadeUpCloud(backups=lambda _project_id, _now: [SAMPLE] * 195) as cloud:
            _, backups = listed(cloud, "/v1.0/{project_id}/graphs/quotas")["quotas"]["resources"]
        assert backups == {"type": "backup", "available": 5}

    def test_are_served_in_place_of_the_history(self) -> None:
        asked: list[tuple[str, float]] = []

        def backups(project_id: str, now: float) -> list[dict[str, Any]]:
            asked.append((project_id, now))
            return [SAMPLE, {"oddKey": None}]

        with MadeUpCloud(clock=SetClock(), backups=backups, graphs=lambda _project_id, _now: [{"id": "a"}]) as cloud:
            old = listed(cloud, "/v1.0/{project_id}/graphs/backups")
            new = listed(cloud, "/v2/{project_id}/graphs/backups")
            graphs = listed(cloud, "/v1.0/{project_id}/graphs")
        assert asked == [(PROJECT_ID, NOW), (PROJECT_ID, NOW)]
        assert old == {"backupCount": 2, "backupList": [SAMPLE, {"oddKey": None}]}
        assert graphs == {"graphCount": 1, "graphs": [{"id": "a"}]}
        assert new["backup_list"][0]["graph_size_type_index"] == "1"
        assert new["backup_list"][1] == {"odd_key": None}


# The models of the SDK are the vendor's own list of what an answer may hold.
@pytest.mark.parametrize(
    ("path", "key", "model"),
    [
        ("/v1.0/{project_id}/graphs/backups?limit=1000", "backupList", OldBackup),
        ("/v2/{project_id}/graphs/backups?limit=1000", "backup_list", NewBackup),
        ("/v1.0/{project_id}/graphs?limit=1000", "graphs", OldGraph),
        ("/v2/{project_id}/graphs?limit=1000", "graphs", NewGraph),
    ],
)
def test_every_key_is_known_to_the_official_sdk(cloud: MadeUpCloud, path: str, key: str, model: Any) -> None:
    # The SDK and the vendor's page differ about this one; see the tests of the key above.
    known = {*model.attribute_map.values(), "graph_name"}
    assert {each for record in listed(cloud, path)[key] for each in record} - known == set()


# From Python 3.12 on, the SDK's signer asks for the time in a way that is to go.
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:huaweicloudsdkcore.signer.signer")
class TestOfficialSDK:
    """It lists all of it through its own client and its own models, signed by itself."""

    @pytest.fixture(autouse=True)
    def _home(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """The SDK writes an id of the machine into the home directory."""
        monkeypatch.setenv("HOME", str(tmp_path))

    @pytest.fixture
    def clock(self) -> SetClock:
        """The real time, since the SDK signs with it, but standing, so that pages fit together."""
        return SetClock(time.time())

    @pytest.fixture
    def signing_cloud(self, clock: SetClock) -> Iterator[MadeUpCloud]:
        with MadeUpCloud(signature=official_signature, clock=clock, started=clock.now - 310, max_page=50) as made_up:
            yield made_up

    @pytest.mark.parametrize("limit", [7, 100])
    def test_v1_lists_everything(self, signing_cloud: MadeUpCloud, clock: SetClock, limit: int) -> None:
        client = sdk_client(v1.GesClient, signing_cloud)
        backups = collected(
            lambda offset: client.list_backups(v1.ListBackupsRequest(offset=offset, limit=limit)),
            "backup_count",
            "backup_list",
        )
        graphs = collected(
            lambda offset: client.list_graphs(v1.ListGraphsRequest(offset=offset, limit=limit)),
            "graph_count",
            "graphs",
        )
        quotas = client.list_quotas(v1.ListQuotasRequest()).quotas.resources
        client.close()
        expected = history(1, clock.now - 310, clock.now)
        assert [spoken(backup, "graph_name") for backup in backups] == [
            known_of(backup, "graph_name") for backup in expected.backups
        ]
        assert {graph.name for graph in graphs} == {graph.name for graph in expected.graphs}
        assert len(graphs) == len(expected.graphs)
        assert {quota.type for quota in quotas} == {"graph", "backup"}

    def test_v1_finds_graph_names_where_older_pages_have_them(self) -> None:
        with MadeUpCloud(signature=official_signature, graph_name_key="graphName") as cloud:
            client = sdk_client(v1.GesClient, cloud)
            answer = client.list_backups(v1.ListBackupsRequest(limit=1000))
            client.close()
        assert len(answer.backup_list) == answer.backup_count
        assert {backup.graph_name for backup in answer.backup_list} >= {"知识图谱", 'risk "live"'}

    @pytest.mark.parametrize("limit", [7, 100])
    def test_v2_lists_everything(self, signing_cloud: MadeUpCloud, clock: SetClock, limit: int) -> None:
        client = sdk_client(v2.GesClient, signing_cloud)
        backups = collected(
            lambda offset: client.list_backups2(v2.ListBackups2Request(offset=offset, limit=limit)),
            "backup_count",
            "backup_list",
        )
        graphs = collected(
            lambda offset: client.list_graphs2(v2.ListGraphs2Request(offset=offset, limit=limit)),
            "graph_count",
            "graphs",
        )
        quotas = client.list_quotas2(v2.ListQuotas2Request()).quotas.resources
        client.close()
        expected = history(1, clock.now - 310, clock.now)
        assert [spoken(backup) for backup in backups] == [known_of(backup) for backup in expected.backups]
        assert {(graph.name, graph.product_type) for graph in graphs} == {
            (graph.name, graph.product_type) for graph in expected.graphs
        }
        assert len(graphs) == len(expected.graphs)
        assert {quota.type for quota in quotas} == {"graph", "backup"}


def sdk_client(client: Any, cloud: MadeUpCloud) -> Any:
    credentials = BasicCredentials(ACCESS_KEY, SECRET_KEY, PROJECT_ID)
    return client.new_builder().with_credentials(credentials).with_endpoint(cloud.url).build()


def collected(page: Callable[[int], Any], count: str, items: str) -> list[Any]:
    """All items of a list, page by page."""
    found: list[Any] = []
    while True:
        answer = page(len(found))
        found.extend(getattr(answer, items))
        if len(found) >= getattr(answer, count):
            assert len(found) == getattr(answer, count)
            return found


def spoken(backup: Any, *without: str) -> dict[str, Any]:
    """What the SDK read of a backup, what is not told being None."""
    names = {*backup.attribute_map} - {*without}
    return {name: getattr(backup, name) or None for name in names}


def known_of(backup: Backup, *without: str) -> dict[str, Any]:
    """The same, of the backup itself."""
    record = {**dict.fromkeys(NewBackup.attribute_map), **wire.snake_case(wire.backup(backup))}
    return {name: value or None for name, value in record.items() if name not in without}
