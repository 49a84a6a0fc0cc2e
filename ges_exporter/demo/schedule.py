"""When the automatic backups of a made-up graph begin and end, which fail, and which are rotated away."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid5

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ges_exporter.demo.characters import Character

DAY = 86_400
FAILURES_KEPT = 3
# Backups further back than this many have been rotated away, even where every third one fails.
LOOK_BACK = 40

_NAMESPACE = UUID("b1f0f0a4-6f0e-5d52-9f0b-0d8c5a3f7c11")


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One automatic backup.

    Attributes:
        id: The id of the backup; all that is drawn by lot about it is drawn from this.
        number: -3 began three days before the start, 0 is the first one watched.
        start: Unix seconds.
        length: Seconds it runs.
        fails: Whether it ends in failure.
    """

    id: UUID
    number: int
    start: int
    length: int
    fails: bool

    @property
    def end(self) -> int:
        """Unix seconds."""
        return self.start + self.length

    def runs(self, now: float) -> bool:
        """Whether it has not ended yet, given that it has begun."""
        return now < self.end


def identity(seed: int, character: Character, what: object) -> UUID:
    """The id that a thing of a graph always has under this seed."""
    return uuid5(_NAMESPACE, f"{seed}/{character.key}/{what}")


def draw(identity: UUID, choices: int) -> int:
    """A number from 0 to choices - 1 that an id always gives."""
    return identity.int % choices


def attempts(character: Character, seed: int, started: int, now: float) -> list[Attempt]:
    """The automatic backups of a graph that the listing still holds at `now`, running ones included.

    Args:
        character: The graph.
        seed: As for `history`.
        started: Unix seconds.
        now: Unix seconds, not before `started`.

    Returns:
        Those that run, the newest successes and the newest failures. The rest is rotated away.
    """
    begun = [*_daily(character, seed, started), *_watched(character, seed, started, now)]
    finished = [attempt for attempt in begun if not attempt.runs(now)]
    successes = [attempt for attempt in finished if not attempt.fails]
    failures = [attempt for attempt in finished if attempt.fails]
    running = [attempt for attempt in begun if attempt.runs(now)]
    return successes[-character.kept :] + failures[-FAILURES_KEPT:] + running


def _daily(character: Character, seed: int, started: int) -> Iterator[Attempt]:
    for day in range(character.daily_since_days, character.daily_until_days, -1):
        start = started - day * DAY + draw(identity(seed, character, -day), 1800)
        yield _attempt(character, seed, -day, start, fails=day <= character.failing_days)


def _watched(character: Character, seed: int, started: int, now: float) -> Iterator[Attempt]:
    if character.period_seconds is None:
        return
    first = started + character.first_seconds
    newest = int((now - first) // character.period_seconds)
    for number in range(max(0, newest - LOOK_BACK), newest + 1):
        fails = bool(character.fails_every) and (number + 1) % character.fails_every == 0
        yield _attempt(character, seed, number, first + number * character.period_seconds, fails=fails)


def _attempt(character: Character, seed: int, number: int, start: int, *, fails: bool) -> Attempt:
    own = identity(seed, character, number)
    length = 0 if character.instant else 10 + draw(own, 46)
    return Attempt(id=own, number=number, start=start, length=length, fails=fails)
