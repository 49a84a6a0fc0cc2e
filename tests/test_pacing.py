import pytest

from ges_exporter.clock import Clock, Deadline
from ges_exporter.errors import DeadlineExceeded
from ges_exporter.pacing import Pacer


class Time:
    """A clock that a sleep moves on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.clock = Clock(monotonic=lambda: self.now, wall=lambda: self.now, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


def departures(time: Time, pacer: Pacer, requests: int, url: str = "https://ges.test/a") -> list[float]:
    found = []
    for _ in range(requests):
        pacer.wait("list_backups", url, Deadline.after(1000, time.clock))
        found.append(time.now)
    return found


def test_no_second_sees_more_than_it_may() -> None:
    time = Time()
    went = departures(time, Pacer(10, time.clock), 100)
    assert max(sum(begin <= moment < begin + 1 for moment in went) for begin in went) == 10


def test_so_many_as_may_go_in_a_second_go_at_once() -> None:
    time = Time()
    assert set(departures(time, Pacer(10, time.clock), 10)) == {1000.0}


def test_endpoints_are_paced_each_by_itself() -> None:
    time = Time()
    pacer = Pacer(1, time.clock)
    departures(time, pacer, 1, "https://one.test/")
    assert departures(time, pacer, 1, "https://other.test/") == [1000.0]


def test_a_turn_behind_the_deadline_fails_at_once_and_is_not_counted() -> None:
    time = Time()
    pacer = Pacer(1, time.clock)
    departures(time, pacer, 1)
    with pytest.raises(DeadlineExceeded, match="max_requests_per_second"):
        pacer.wait("list_backups", "https://ges.test/a", Deadline.after(0.5, time.clock))
    assert time.now == 1000.0
    assert departures(time, pacer, 1) == [pytest.approx(1001.05)]
