"""The graphs and backups of one made-up project at one moment: a function of a seed, a start and a now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from ges_exporter.demo.characters import CHARACTERS, Character
from ges_exporter.demo.schedule import DAY, Attempt, attempts, draw, identity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

SHRUNK_TO = 0.35
SHRINKS_BY = 0.75
SHRUNK_AT_LEAST = 7

_CHINA = timedelta(hours=8)

Unknown = Literal["null", "missing", "zero"]
_UNKNOWN: tuple[Unknown, ...] = ("null", "missing", "zero")


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """A graph as it is now; `created` in unix seconds."""

    id: str
    name: str
    status: str
    arch: str
    size_type_index: str
    data_store_version: str
    product_type: str
    encrypted: bool
    created: int


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A backup as it is now.

    Attributes:
        start: Unix seconds.
        end: Unix seconds; None where the cloud does not tell, with size and duration then untold too.
        size: MB.
        duration: Seconds; need not equal end - start.
        unknown: How the cloud writes what it does not tell: as null, not at all, or as 0 and "".
    """

    id: str
    name: str
    graph: Graph
    method: Literal["auto", "manual", "import"]
    status: Literal["backing_up", "success", "failed"]
    start: int
    end: int | None = None
    size: int | None = None
    duration: int | None = None
    encrypted: bool
    unknown: Unknown = "null"


class World(msgspec.Struct, frozen=True, kw_only=True):
    """All graphs, and all backups with the newest first."""

    graphs: tuple[Graph, ...]
    backups: tuple[Backup, ...]


def history(seed: int, started: float, now: float) -> World:
    """What a made-up project holds at `now`, if the made-up cloud started at `started`.

    Args:
        seed: Another seed is another project: other ids, times and sizes of the same characters.
        started: Unix seconds; daily backups lie before it, frequent ones after it.
        now: Unix seconds, not before `started`.

    Returns:
        The world; the same arguments give the same one, and it needs no memory of what was asked before.
    """
    beginning = int(started)
    graphs: list[Graph] = []
    backups: list[Backup] = []
    for character in CHARACTERS:
        automatic = attempts(character, seed, beginning, now)
        busy = any(attempt.runs(now) for attempt in automatic)
        graph = _graph(character, seed, beginning, busy=busy)
        graphs.append(graph)
        backups.extend(_automatic(character, graph, attempt, now) for attempt in automatic)
        backups.extend(_lasting(character, graph, seed, beginning))
    backups.sort(key=lambda backup: (backup.start, backup.id), reverse=True)
    return World(graphs=tuple(graphs), backups=tuple(backups))


def _graph(character: Character, seed: int, started: int, *, busy: bool) -> Graph:
    return Graph(
        id=str(identity(seed, character, "graph")),
        name=character.name,
        status=(character.busy_status if busy else None) or character.status,
        arch=character.arch,
        size_type_index=character.size_type_index,
        data_store_version=character.data_store_version,
        product_type=character.product_type,
        encrypted=character.encrypted,
        created=started - int(character.age_days * DAY),
    )


def _automatic(character: Character, graph: Graph, attempt: Attempt, now: float) -> Backup:
    running = attempt.runs(now)
    # Nobody documents what the cloud tells of failed backups, so a few of them tell all and most do not.
    told = not running and not (attempt.fails and attempt.number % 4)
    size = 0 if attempt.fails else _megabytes(character, attempt)
    return Backup(
        id=str(attempt.id),
        name=_automatic_name(graph, attempt.start),
        graph=graph,
        method="auto",
        status="backing_up" if running else "failed" if attempt.fails else "success",
        start=attempt.start,
        end=attempt.end if told else None,
        size=size if told else None,
        duration=max(0, attempt.length - draw(attempt.id, 2)) if told else None,
        encrypted=character.encrypted,
        unknown=_UNKNOWN[attempt.number % len(_UNKNOWN)],
    )


def _megabytes(character: Character, attempt: Attempt) -> int:
    usual = character.megabytes + draw(attempt.id, 1 + character.megabytes // 20)
    if not character.shrinks or attempt.number < -1:
        return usual
    return max(SHRUNK_AT_LEAST, int(usual * SHRUNK_TO * SHRINKS_BY ** (attempt.number + 1)))


def _lasting(character: Character, graph: Graph, seed: int, started: int) -> Iterator[Backup]:
    """What no rotation takes away: manual and imported backups, and the one that hangs."""
    for days in character.manual_days:
        own = identity(seed, character, f"manual {days}")
        yield _made_once(character, graph, own, started - int(days * DAY), method="manual")
    for days in character.imported_days:
        own = identity(seed, character, f"import {days}")
        yield _made_once(character, graph, own, started - int(days * DAY), method="import")
    if character.hung_hours is not None:
        start = started - int(character.hung_hours * 3600)
        yield Backup(
            id=str(identity(seed, character, "hung")),
            name=_automatic_name(graph, start),
            graph=graph,
            method="auto",
            status="backing_up",
            start=start,
            encrypted=character.encrypted,
        )


def _made_once(
    character: Character, graph: Graph, own: UUID, start: int, *, method: Literal["manual", "import"]
) -> Backup:
    length = 10 + draw(own, 51)
    return Backup(
        id=str(own),
        name=f"{graph.name}-{_compact(start, timedelta())}",
        graph=graph,
        method=method,
        status="success",
        start=start,
        end=start + length,
        size=character.megabytes,
        # A second less than end - start, as in the vendor's sample.
        duration=length - 1,
        encrypted=character.encrypted,
    )


def _automatic_name(graph: Graph, start: int) -> str:
    """As in the vendor's sample: China's time, and a second before the start."""
    return f"{graph.name}_{_compact(start - 1, _CHINA)}_auto"


def _compact(seconds: int, offset: timedelta) -> str:
    return (datetime.fromtimestamp(seconds, UTC) + offset).strftime("%Y%m%d%H%M%S")
