"""Every item of a paged list exactly once: offsets, concurrency, de-duplication, completeness.

A list is read in takes. A take asks for the first page, learns from it how many items the server gives at once, and
fetches the rest with several requests in flight. Items come and go meanwhile, so a take agrees with itself only where
every page told the same count and that count is the number of distinct items read; one that does not is taken again.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ges_exporter.clock import Deadline
from ges_exporter.crew import Crew
from ges_exporter.errors import CallRefused, CloudError, DeadlineExceeded, ListingContradiction
from ges_exporter.wire import Page, Unreadable

TAKES = 3
DEFAULT_PAGE_SIZE = 10  # the API's own, for a server that refuses the configured one
_BAD_REQUEST = 400
_NOT_ABOUT_PAGE_SIZE = frozenset({"GES.0016", "GES.7041"})  # 400s about the project id and about a permission


class Identified(Protocol):
    """What a list holds: items with an id that is unique in it."""

    @property
    def id(self) -> str:
        """The id."""


R = TypeVar("R", bound=Identified)
Fetch = Callable[[int, int], Page[R]]


@dataclass(frozen=True, slots=True)
class Listing(Generic[R]):
    """A list that was read to its end.

    Attributes:
        items: each readable item once.
        unreadable: each item that could not be read.
        count: how many items there are, as the first page said.
        complete: whether every page told that count and it is the number of distinct items read.
    """

    items: tuple[R, ...]
    unreadable: tuple[Unreadable, ...]
    count: int
    complete: bool


def read_list(
    operation: str, fetch: Fetch[R], *, page_size: int, concurrency: int, crew: Crew, deadline: Deadline
) -> Listing[R]:
    """Read a list to its end; again, up to three times in all, while it disagrees with itself.

    Args:
        operation: what the list is called in errors.
        fetch: gets the page at an offset with a limit; raises CloudError.
        page_size: how many items to ask for at once.
        concurrency: how many requests may be in flight.
        crew: runs the requests beyond the one that the calling thread sends itself.
        deadline: when to have an answer.

    Returns:
        The first take that agrees, else the last one that was read to its end.

    Raises:
        CloudError: a page could not be read.
    """
    last = _take(operation, fetch, page_size, concurrency, crew, deadline)
    for _ in range(TAKES - 1):
        if last.complete:
            break
        try:
            last = _take(operation, fetch, page_size, concurrency, crew, deadline)
        except CloudError as error:
            if not error.out_of_time:
                raise
            break  # the take that was read to its end is served, and says that it is not complete
    return last


def _take(
    operation: str, fetch: Fetch[R], page_size: int, concurrency: int, crew: Crew, deadline: Deadline
) -> Listing[R]:
    try:
        first = fetch(0, page_size)
    except CallRefused as refusal:
        about_page_size = refusal.status == _BAD_REQUEST and refusal.error_code not in _NOT_ABOUT_PAGE_SIZE
        if not about_page_size or page_size <= DEFAULT_PAGE_SIZE:
            raise
        page_size = DEFAULT_PAGE_SIZE
        first = fetch(0, page_size)
    if first.count and not first.items:
        raise ListingContradiction(operation, f"the count is {first.count} and the list is empty")
    take = _Take(operation, first)
    if first.items and (len(first.items) < first.count or len(first.items) >= page_size):
        take.run(lambda offset: fetch(offset, page_size), concurrency, crew, deadline)
    return take.listing()


class _Take(Generic[R]):
    """The pages of one take: which to ask for next, and what they add up to."""

    def __init__(self, operation: str, first: Page[R]) -> None:
        self._operation = operation
        self._count = first.count
        self._step = len(first.items)
        self._counts: set[int] = set()
        self._known: dict[str, R | Unreadable] = {}
        self._nameless: list[Unreadable] = []
        self._changed = threading.Condition()  # guards all below and above
        self._early: dict[int, Page[R]] = {}  # pages that came before one with a lower offset
        self._next_merge = 0
        self._covered = 0  # the offset behind the last item of any page merged so far
        self._gaps: list[tuple[int, int]] = []
        self._ended = False
        self._error: BaseException | None = None
        self._working = 0
        self._offsets = self._plan()
        self._merge(0, first)
        self._next_merge = self._step

    def run(self, fetch: Callable[[int], Page[R]], concurrency: int, crew: Crew, deadline: Deadline) -> None:
        """Fetch all but the first page; return when the list has ended.

        Raises:
            CloudError: a page could not be read; the first such error.
        """
        most = max(self._count, self._step) // self._step
        helpers = [self._enlist(fetch, crew) for _ in range(min(concurrency, most) - 1)]
        self._work(fetch)
        self._wait(helpers, deadline)
        filled = 0
        for start, end in self._gaps:  # a page that fills one may be long enough to fill the next
            filled = self._walk(fetch, max(start, filled), end)
        if not self._ended:
            self._walk(fetch, self._covered, None)

    def listing(self) -> Listing[R]:
        """Return what the pages add up to."""
        items = tuple(item for item in self._known.values() if not isinstance(item, Unreadable))
        unreadable = [item for item in self._known.values() if isinstance(item, Unreadable)]
        distinct = len(self._known) + len(self._nameless)
        return Listing(items, (*unreadable, *self._nameless), self._count, complete=self._counts == {distinct})

    def _plan(self) -> Iterator[int]:
        """Yield the offsets after the first page's; the one behind a full last page too, to see that it is the end."""
        yield from range(self._step, max(self._count, self._step) + 1, self._step or 1)

    def _enlist(self, fetch: Callable[[int], Page[R]], crew: Crew) -> "Future[None]":
        return crew.submit(lambda: self._work(fetch))

    def _work(self, fetch: Callable[[int], Page[R]]) -> None:
        while (offset := self._next_offset()) is not None:
            try:
                page = fetch(offset)
                with self._changed:
                    self._arrived(offset, page)
            except BaseException as error:  # noqa: BLE001  # raised again by the thread that waits
                with self._changed:
                    self._error = self._error or error
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def _next_offset(self) -> int | None:
        with self._changed:
            if self._error is not None or self._ended:
                return None
            for offset in self._offsets:
                if offset + self._step > self._covered:
                    self._working += 1
                    return offset
            return None

    def _wait(self, helpers: "list[Future[None]]", deadline: Deadline) -> None:
        for helper in helpers:
            helper.cancel()  # one that no thread has begun has nothing left to do
        with self._changed:
            while self._working and self._error is None:
                if not self._changed.wait(max(deadline.remaining(), 0)) and deadline.remaining() <= 0:
                    self._error = DeadlineExceeded(self._operation, "the time was over before every page was there")
            if self._error is not None:
                raise self._error

    def _arrived(self, offset: int, page: Page[R]) -> None:
        """Merge pages in the order of their offsets, so that what repeats is the same in every run."""
        self._early[offset] = page
        while self._early and (offset := min(self._early)) <= max(self._next_merge, self._covered):
            page = self._early.pop(offset)
            is_end = self._merge(offset, page)
            if not is_end and self._covered < offset + self._step:
                self._gaps.append((self._covered, offset + self._step))
            self._next_merge = max(self._next_merge, offset + self._step)

    def _merge(self, offset: int, page: Page[R], *, in_gap: bool = False) -> bool:
        """Take in the page's items; return whether the list ends with it."""
        known_before = len(self._known) + len(self._nameless)
        for item in page.items:
            if isinstance(item, Unreadable) and not item.id:
                self._nameless.append(item)
            elif not isinstance(item, Unreadable) or item.id not in self._known:
                self._known[item.id] = item
        self._counts.add(page.count)
        end = offset + len(page.items)
        new = len(self._known) + len(self._nameless) - known_before
        if page.items and not new and (in_gap or end > self._covered):
            raise ListingContradiction(self._operation, f"the page at offset {offset} only repeats known ids")
        self._covered = max(self._covered, end)
        is_end = not page.items or (len(page.items) < self._step and end >= page.count)
        self._ended = self._ended or is_end
        return is_end

    def _walk(self, fetch: Callable[[int], Page[R]], offset: int, end: int | None) -> int:
        """Read on page by page: to fill the gap behind a short page, or behind a list longer than it said.

        Returns:
            The offset behind the last item read.
        """
        while end is None or offset < end:
            page = fetch(offset)
            with self._changed:
                is_end = self._merge(offset, page, in_gap=True)
            offset += len(page.items)
            if is_end:
                break
        return offset
