"""One project: its lists side by side, and one listing in flight at a time."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from ges_exporter.api import API
from ges_exporter.clock import Clock, Deadline
from ges_exporter.config import Project, Scrape
from ges_exporter.coverage import Expectation, Graph
from ges_exporter.crew import Crew
from ges_exporter.diary import Diary
from ges_exporter.envelope import Fields
from ges_exporter.errors import CloudError, DeadlineExceeded, ExporterError
from ges_exporter.http_client import Allowance, Answer
from ges_exporter.listing import Identified, Listing, read_list
from ges_exporter.summary import Snapshot, Summary, summarise
from ges_exporter.wire import Page, Wire, read_quota

R = TypeVar("R", bound=Identified)
T = TypeVar("T")

LIST_BACKUPS = "list_backups"
LIST_GRAPHS = "list_graphs"
LIST_QUOTAS = "list_quotas"

_GRACE = 0.1  # seconds: what ends at its deadline needs a moment to say so


@dataclass(frozen=True, slots=True)
class Crews:
    """The threads that all projects share.

    Attributes:
        listings: each runs the listing of one project.
        requests: each runs a list of graphs, a quota, or pages beyond the first. None waits for another of its crew.
    """

    listings: Crew
    requests: Crew


@dataclass(frozen=True, slots=True)
class Flight:
    """A listing under way, or one that has ended.

    Attributes:
        deadline: when it has to end.
        future: carries the snapshot.
    """

    deadline: Deadline
    future: "Future[Snapshot]"


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[T]):
    """What came of a part of a listing: a value, or an error, or neither where it was not asked for."""

    value: T | None = None
    error: ExporterError | None = None


class Target:
    """One project of the config."""

    def __init__(
        self,
        project: Project,
        scrape: Scrape,
        expectations: tuple[Expectation, ...] | None,
        *,
        api: API,
        wire: Wire,
        crews: Crews,
        clock: Clock,
    ) -> None:
        self.project = project
        self._scrape = scrape
        self._expectations = expectations
        self._api = api
        self._wire = wire
        self._crews = crews
        self._clock = clock
        self._diary = Diary(self.name, expectations or ())
        self._lock = threading.Lock()  # guards the two below
        self._flight: Flight | None = None
        self._last: Snapshot | None = None

    @property
    def name(self) -> str:
        """What /probe and /targets call the project: its name, else its id."""
        return self.project.name or self.project.project_id

    @property
    def last(self) -> Snapshot | None:
        """The last listing that ended, or None before the first."""
        with self._lock:
            return self._last

    def join(self, deadline: Deadline) -> Flight:
        """Return the listing under way, a finished one that may be served again, or else begin one."""
        with self._lock:
            flight = self._flight
            if flight is not None and (not flight.future.done() or self._may_serve_again(flight.future.result())):
                return flight
            self._flight = Flight(deadline, self._crews.listings.submit(lambda: self._list(deadline)))
            return self._flight

    def snapshot(self, flight: Flight, deadline: Deadline) -> Snapshot:
        """Wait for a listing, but no longer than until the deadline.

        A scrape that joined a listing with a shorter deadline, and is failed by that, takes one of its own.
        """
        begun = self._clock.monotonic()
        while True:
            try:
                snapshot = flight.future.result(timeout=max(0.0, deadline.remaining()) + 2 * _GRACE)
            except TimeoutError:
                reason = "the listing under way did not end in the time there was"
                late = DeadlineExceeded(LIST_BACKUPS, reason)
                return self._snapshot(begun, deadline, _Outcome(error=late), _Outcome(error=late), _Outcome())
            error = snapshot.error or snapshot.graphs_error
            cut_short = isinstance(error, CloudError) and error.out_of_time
            if not cut_short or flight.deadline.at >= deadline.at or deadline.remaining() <= 0:
                return snapshot
            flight = self.join(deadline)

    def _may_serve_again(self, snapshot: Snapshot) -> bool:
        fresh = 0 <= self._clock.wall() - snapshot.listed_at < self._scrape.cache_seconds
        return fresh and snapshot.error is None and snapshot.graphs_error is None

    def _list(self, deadline: Deadline) -> Snapshot:
        begun = self._clock.monotonic()
        allowance = Allowance()
        graphs_aside = self._aside(
            LIST_GRAPHS, lambda: self._read_graphs(allowance, deadline), deadline, wanted=self.project.list_graphs
        )
        quota_aside = self._aside(
            LIST_QUOTAS, lambda: self._read_quota(allowance, deadline), deadline, wanted=self.project.list_quotas
        )
        backups = _outcome(
            lambda: self._read(LIST_BACKUPS, "graphs/backups", self._wire.backups(), allowance, deadline)
        )
        graphs, quota = graphs_aside(), quota_aside()
        summary: _Outcome[Summary] = _Outcome(error=backups.error)
        if backups.value is not None:
            listed = backups.value
            summary = _outcome(lambda: summarise(listed, graphs.value, self._expectations))
            self._diary.note_records("backup", listed.unreadable)
        if graphs.value is not None:
            self._diary.note_records("graph", graphs.value.unreadable)
            self._diary.note_graphs(graph.name for graph in graphs.value.items)
        self._diary.note("backups", summary.error)
        if summary.error is None:  # else what fails beside it is the same trouble, and has been said
            self._diary.note("graphs", graphs.error)
            self._diary.note("quotas", quota.error)
        snapshot = self._snapshot(begun, deadline, summary, graphs, quota)
        with self._lock:
            self._last = snapshot
        return snapshot

    def _snapshot(
        self,
        begun: float,
        deadline: Deadline,
        summary: _Outcome[Summary],
        graphs: _Outcome[Listing[Graph]],
        quota: _Outcome[float],
    ) -> Snapshot:
        duration = self._clock.monotonic() - begun
        return Snapshot(
            project=self.project.name,
            summary=summary.value,
            error=summary.error,
            lists_graphs=self.project.list_graphs,
            graphs_error=graphs.error if self.project.list_graphs else None,
            quota_available=quota.value,
            duration=duration,
            budget=deadline.at - begun,
            listed_at=self._clock.wall() - duration,
            token_expiry=self._api.credentials.expiry(),
        )

    def _aside(
        self, operation: str, task: Callable[[], T], deadline: Deadline, *, wanted: bool
    ) -> "Callable[[], _Outcome[T]]":
        """Begin a task beside the list of backups; return what waits for it."""
        if not wanted:
            return _Outcome
        future = self._crews.requests.submit(lambda: _outcome(task))

        def wait() -> _Outcome[T]:
            if future.cancel():  # no thread was free to begin it: this one is, now
                return _outcome(task)
            try:
                return future.result(timeout=max(0.0, deadline.remaining()) + _GRACE)
            except TimeoutError:
                return _Outcome(error=DeadlineExceeded(operation, "no whole answer in the time there was"))

        return wait

    def _read(
        self,
        operation: str,
        resource: str,
        read_page: Callable[[Fields], Page[R]],
        allowance: Allowance,
        deadline: Deadline,
    ) -> Listing[R]:
        path = self._wire.path(self.project.project_id, resource)

        kept: list[int] = []

        def fetch(offset: int, limit: int) -> Page[R]:
            if offset == 0:  # a take begins: what the one before it has read is held no more
                allowance.give_back(sum(kept))
                kept.clear()
            params = {"offset": str(offset), "limit": str(limit)}
            page = self._api.get(operation, path, params, lambda answer: read_page(answer.fields), deadline, allowance)
            allowance.keep(operation, page.weight)
            kept.append(page.weight)
            return page

        return read_list(
            operation,
            fetch,
            page_size=self._scrape.page_size,
            concurrency=self._scrape.concurrency,
            crew=self._crews.requests,
            deadline=deadline,
        )

    def _read_graphs(self, allowance: Allowance, deadline: Deadline) -> Listing[Graph]:
        return self._read(LIST_GRAPHS, "graphs", self._wire.graphs(), allowance, deadline)

    def _read_quota(self, allowance: Allowance, deadline: Deadline) -> float:
        path = self._wire.path(self.project.project_id, "graphs/quotas")

        def read(answer: Answer) -> float:
            return read_quota(answer.fields)

        return self._api.get(LIST_QUOTAS, path, {}, read, deadline, allowance)


def _outcome(task: Callable[[], T]) -> _Outcome[T]:
    try:
        return _Outcome(task())
    except CloudError as error:
        return _Outcome(error=error)
    except Exception as error:  # noqa: BLE001  # one project's surprise must not take the others with it
        return _Outcome(error=ExporterError(f"a fault of the exporter: {type(error).__name__}{_place(error)}"))


def _place(error: Exception) -> str:
    """Say where an exception was raised; not its text, which may hold anything."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f" in {trace.tb_frame.f_globals.get('__name__')}, line {trace.tb_lineno}"
