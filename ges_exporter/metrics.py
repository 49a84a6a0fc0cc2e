"""The name, help, type and labels of every metric; snapshots in, metric families out. Pure.

To add a metric, add a line to the table of what it is about. All are gauges; a value of None leaves the series out,
for what is unknown is never 0.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from prometheus_client.core import GaugeMetricFamily

from ges_exporter.backups import Backup, Group, GroupSummary
from ges_exporter.coverage import Coverage
from ges_exporter.summary import Snapshot, Summary

T = TypeVar("T")

GROUP_LABELS = ("graph_name", "backupMethod", "arch")
GRAPH_LABELS = ("graph_name", "graphId")
GRAPH_INFO_LABELS = (
    *GRAPH_LABELS,
    "graphStatus",
    "graphSizeTypeIndex",
    "dataStoreVersion",
    "arch",
    "productType",
)


@dataclass(frozen=True, slots=True)
class Gauge(Generic[T]):
    """One metric.

    Attributes:
        name: its name.
        help: what it says, for an operator who does not know the code.
        value: its value for a thing of its table; None leaves the series out.
    """

    name: str
    help: str
    value: Callable[[T], float | None]


def _end(backup: Backup | None) -> float | None:
    return None if backup is None else backup.end


def _start(backup: Backup | None) -> float | None:
    return None if backup is None else backup.start


def _size(backup: Backup | None) -> float | None:
    return None if backup is None else backup.size


def _duration(backup: Backup | None) -> float | None:
    return None if backup is None else backup.duration


GROUP_GAUGES: tuple[Gauge[GroupSummary], ...] = (
    Gauge("ges_backups", "Backups in the listing, whatever their status.", lambda group: group.total),
    Gauge("ges_backups_successful", "Backups with status success.", lambda group: group.successful),
    Gauge("ges_backups_failed", "Backups with status failed; 0 where there is none.", lambda group: group.failed),
    Gauge("ges_backups_in_progress", "Backups with status backing_up.", lambda group: group.in_progress),
    Gauge("ges_backups_encrypted", "Backups that are encrypted, whatever their status.", lambda group: group.encrypted),
    Gauge(
        "ges_backups_size_megabytes",
        "Size of the successful backups together, in MB as the API reports them; one of unknown size adds nothing.",
        lambda group: group.size,
    ),
    Gauge(
        "ges_backups_duration_seconds",
        "How long the successful backups took together; one of unknown duration adds nothing.",
        lambda group: group.duration,
    ),
    Gauge(
        "ges_backup_last_success_timestamp_seconds",
        "When the newest successful backup ended; absent where there is none, or where nobody knows.",
        lambda group: _end(group.last_success),
    ),
    Gauge(
        "ges_backup_last_success_size_megabytes",
        "Size of the newest successful backup, in MB as the API reports them; absent where unknown.",
        lambda group: _size(group.last_success),
    ),
    Gauge(
        "ges_backup_last_success_duration_seconds",
        "How long the newest successful backup took; absent where unknown, which is usual for automatic ones.",
        lambda group: _duration(group.last_success),
    ),
    Gauge(
        "ges_backup_oldest_success_timestamp_seconds",
        "When the oldest successful backup ended: how far back one can restore; absent where there is none.",
        lambda group: _end(group.oldest_success),
    ),
    Gauge(
        "ges_backup_last_failure_timestamp_seconds",
        "When the newest failed backup ended, or began where its end is unknown; absent where none failed.",
        lambda group: _end(group.last_failure) or _start(group.last_failure),
    ),
    Gauge(
        "ges_backup_last_attempt_successful",
        "1 where the newest finished backup succeeded, 0 where it failed; absent where none has finished.",
        lambda group: None if group.last_attempt is None else float(group.last_attempt is group.last_success),
    ),
    Gauge(
        "ges_backup_in_progress_start_timestamp_seconds",
        "When the backup that has been in progress for the longest time began; absent where none is in progress.",
        lambda group: _start(group.oldest_in_progress),
    ),
)

GRAPH_INFO: Gauge[Coverage] = Gauge(
    "ges_graph_info",
    "A graph as the list of graphs tells of it, or else the newest record of a backup of it; the value is always 1.",
    lambda _: 1,
)

GRAPH_GAUGES: tuple[Gauge[Coverage], ...] = (
    Gauge(
        "ges_graph_backups_successful",
        "Successful backups of the graph, by any method; 0 where there is none.",
        lambda coverage: coverage.successful,
    ),
    Gauge(
        "ges_graph_last_success_timestamp_seconds",
        "When the graph's newest successful backup by any method but import ended; absent where there is none.",
        lambda coverage: _end(coverage.last_success),
    ),
    Gauge(
        "ges_graph_created_timestamp_seconds",
        "When the graph was created; only for graphs in the list of graphs.",
        lambda coverage: coverage.graph.created,
    ),
    Gauge(
        "ges_graph_backup_max_age_seconds",
        "How old the graph's newest backup may be; only for graphs that exist and are expected to have one.",
        lambda coverage: coverage.max_age,
    ),
)

GRAPHS_BY_STATUS: Gauge[int] = Gauge("ges_graphs", "Graphs in the list of graphs, by the API's status code.", float)


def _of_summary(value: Callable[[Summary], float]) -> Callable[[Snapshot], float | None]:
    return lambda snapshot: None if snapshot.summary is None else value(snapshot.summary)


PROJECT_GAUGES: tuple[Gauge[Snapshot], ...] = (
    Gauge(
        "ges_up",
        "1 where the project's backups were listed to the end, else 0: then it has no series of backups or graphs.",
        lambda snapshot: float(snapshot.summary is not None),
    ),
    Gauge(
        "ges_graphs_up",
        "1 where the project's graphs were listed to the end, else 0; absent where they are not asked for.",
        lambda snapshot: float(snapshot.graphs_error is None) if snapshot.lists_graphs else None,
    ),
    Gauge(
        "ges_listing_complete",
        "1 where as many distinct backups were read as the API says there are, 0 where the two disagree.",
        _of_summary(lambda summary: float(summary.complete)),
    ),
    Gauge(
        "ges_scrape_duration_seconds",
        "How long the listing took, or how long it was tried.",
        lambda snapshot: snapshot.duration,
    ),
    Gauge(
        "ges_scrape_budget_seconds",
        "How long the listing was allowed to take.",
        lambda snapshot: snapshot.budget,
    ),
    Gauge(
        "ges_listing_timestamp_seconds",
        "When the listing that is served was taken.",
        lambda snapshot: None if snapshot.summary is None else snapshot.listed_at,
    ),
    Gauge(
        "ges_backups_reported",
        "How many backups there are, as the API itself counts them.",
        _of_summary(lambda summary: summary.reported),
    ),
    Gauge(
        "ges_backups_invalid",
        "Records of backups that could not be read: they are in no other metric; the log names them.",
        _of_summary(lambda summary: summary.invalid),
    ),
    Gauge(
        "ges_backups_quota_available",
        "How many more backups the quota allows; only with list_quotas, and where the quota could be read.",
        lambda snapshot: None if snapshot.summary is None else snapshot.quota_available,
    ),
    Gauge(
        "ges_exporter_token_expiry_timestamp_seconds",
        "When the token or the temporary key in use ends; absent for credentials without an end.",
        lambda snapshot: snapshot.token_expiry,
    ),
)


def project_families(snapshots: Sequence[Snapshot]) -> list[GaugeMetricFamily]:
    """Turn snapshots into metric families.

    Args:
        snapshots: one for each project; either none or all of them have a label.

    Returns:
        The families in the order of the tables above, each series once.
    """
    return [
        *_families(GROUP_GAUGES, GROUP_LABELS, snapshots, _groups),
        *_families((GRAPH_INFO,), GRAPH_INFO_LABELS, snapshots, _graph_infos),
        *_families(GRAPH_GAUGES, GRAPH_LABELS, snapshots, _graphs),
        *_families((GRAPHS_BY_STATUS,), ("graphStatus",), snapshots, _statuses),
        *_families(PROJECT_GAUGES, (), snapshots, lambda snapshot: [((), snapshot)]),
    ]


def _families(
    gauges: Iterable[Gauge[T]],
    labels: Sequence[str],
    snapshots: Sequence[Snapshot],
    rows: Callable[[Snapshot], Iterable[tuple[tuple[str, ...], T]]],
) -> Iterator[GaugeMetricFamily]:
    project = ("project",) if any(snapshot.project is not None for snapshot in snapshots) else ()
    things: dict[tuple[str, ...], T] = {}
    for snapshot in snapshots:
        own = (snapshot.project or "",) if project else ()
        for values, thing in rows(snapshot):
            things.setdefault((*own, *values), thing)  # a series once, whatever the cloud said
    for gauge in gauges:
        family = GaugeMetricFamily(gauge.name, gauge.help, labels=(*project, *labels))
        for values, thing in things.items():
            value = gauge.value(thing)
            if value is not None:
                family.add_metric(values, value)
        yield family


def _groups(snapshot: Snapshot) -> Iterator[tuple[tuple[str, ...], GroupSummary]]:
    groups: dict[Group, GroupSummary] = {} if snapshot.summary is None else dict(snapshot.summary.groups)
    for key, group in groups.items():
        yield (key.graph_name, key.method, key.arch), group


def _graphs(snapshot: Snapshot) -> Iterator[tuple[tuple[str, ...], Coverage]]:
    for coverage in () if snapshot.summary is None else snapshot.summary.coverage:
        yield (coverage.graph.name, coverage.graph.id), coverage


def _graph_infos(snapshot: Snapshot) -> Iterator[tuple[tuple[str, ...], Coverage]]:
    for labels, coverage in _graphs(snapshot):
        graph = coverage.graph
        details = (graph.status, graph.size_type_index, graph.data_store_version, graph.arch, graph.product_type)
        yield (*labels, *details), coverage


def _statuses(snapshot: Snapshot) -> Iterator[tuple[tuple[str, ...], int]]:
    counts = None if snapshot.summary is None else snapshot.summary.graphs_by_status
    for status, count in sorted((counts or {}).items()):
        yield (status,), count
