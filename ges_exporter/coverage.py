"""Graphs and expectations: which graph should have a backup, and how young. Pure.

The list of backups cannot show what is missing from it; the list of graphs beside it can. The two are joined by
graphId, never by name: a graph deleted and made again under its old name has none of the dead one's backups.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from ges_exporter.backups import IMPORT, SUCCESS, Backup, recency

DELETED = "400"
DEFAULT_MAX_AGE = 48 * 3600.0
_NO_AUTOMATIC_BACKUP_INDEX = "0"  # the 10,000-edge size
_NO_AUTOMATIC_BACKUP_PRODUCT = "Persistence"


class Graph(msgspec.Struct, frozen=True):
    """One graph, as the list of graphs tells of it, or else the newest record of a backup of it.

    Attributes:
        id: unique among the graphs of a project, past ones included; empty where a record names none.
        name: not unique: a deleted graph's name can be used again.
        status: the API's code; 200 is running, 400 deleted.
        size_type_index: the size class.
        data_store_version: the version.
        arch: the CPU architecture.
        product_type: InMemory or Persistence (v2); empty where unknown.
        created: seconds since 1970-01-01 UTC, or None where unknown.
    """

    id: str
    name: str
    status: str = ""
    size_type_index: str = ""
    data_store_version: str = ""
    arch: str = ""
    product_type: str = ""
    created: float | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """A rule of the config: graphs whose whole name matches should have a backup that young.

    Attributes:
        graph: what the whole name has to match.
        max_age: seconds; None where no backup is expected.
    """

    graph: re.Pattern[str]
    max_age: float | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """A graph and how well it is backed up.

    Attributes:
        graph: what is known of the graph.
        successful: how many successful backups it has, by any method.
        last_success: the newest successful one by any method but import: an import brings no fresh state.
        max_age: how old that may be, in seconds; None where no backup is expected or the graph is gone.
    """

    graph: Graph
    successful: int
    last_success: Backup | None
    max_age: float | None


def cover(
    backups: Iterable[Backup],
    names: Mapping[str, str],
    graphs: Sequence[Graph] | None,
    expectations: Sequence[Expectation] | None,
    *,
    whole: bool = True,
) -> list[Coverage]:
    """Join graphs and backups.

    Args:
        backups: every backup of a project, once.
        names: the name of each graphId that has one.
        graphs: the list of graphs, or None where it could not be had or is not asked for.
        expectations: the rules of the config, the first match wins; None where it has none.
        whole: whether the list of graphs holds every graph: only then is one that is not in it gone.

    Returns:
        The graphs of the list in its order, then those known only from backups.
    """
    members: defaultdict[tuple[str, str], list[Backup]] = defaultdict(list)
    for backup in backups:
        members[backup.graph_id, names.get(backup.graph_id, backup.graph_name)].append(backup)
    listed = [] if graphs is None else list(graphs)
    found = [
        _judge(graph, members.pop((graph.id, graph.name), []), expectations if graph.status != DELETED else ())
        for graph in listed
    ]
    for (_, name), records in sorted(members.items()):
        graph = _from_record(max(records, key=recency), name)
        # With the whole list of graphs at hand, a graph that is not in it is gone, whatever its records say.
        gone = (graphs is not None and whole) or graph.status == DELETED
        found.append(_judge(graph, records, () if gone else expectations))
    return found


def idle_rules(expectations: Sequence[Expectation], names: Iterable[str]) -> list[Expectation]:
    """Return the rules that match no name at all: each is probably a typing mistake."""
    listed = tuple(names)
    return [rule for rule in expectations if not any(rule.graph.fullmatch(name) for name in listed)]


def _judge(graph: Graph, backups: Sequence[Backup], expectations: Sequence[Expectation] | None) -> Coverage:
    successful = [backup for backup in backups if backup.status == SUCCESS]
    fresh = [backup for backup in successful if backup.method != IMPORT]
    return Coverage(
        graph=graph,
        successful=len(successful),
        last_success=max(fresh, key=recency, default=None),
        max_age=_max_age(graph, expectations),
    )


def _max_age(graph: Graph, expectations: Sequence[Expectation] | None) -> float | None:
    if expectations is not None:
        rule = _first_match(graph.name, expectations)
        return None if rule is None else rule.max_age
    if graph.size_type_index == _NO_AUTOMATIC_BACKUP_INDEX or graph.product_type == _NO_AUTOMATIC_BACKUP_PRODUCT:
        return None
    return DEFAULT_MAX_AGE


def _first_match(name: str, expectations: Sequence[Expectation]) -> Expectation | None:
    return next((rule for rule in expectations if rule.graph.fullmatch(name)), None)


def _from_record(backup: Backup, name: str) -> Graph:
    return Graph(
        id=backup.graph_id,
        name=name,
        status=backup.graph_status,
        size_type_index=backup.graph_size_type_index,
        data_store_version=backup.data_store_version,
        arch=backup.arch,
    )
