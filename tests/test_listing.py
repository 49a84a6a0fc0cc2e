"""Every item of a list exactly once, however a server cuts it into pages."""

import threading
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ges_exporter.backups import Backup
from ges_exporter.clock import Deadline
from ges_exporter.crew import Crew
from ges_exporter.errors import CallRefused, DeadlineExceeded, ListingContradiction
from ges_exporter.listing import TAKES, Listing, read_list
from ges_exporter.wire import Page, Unreadable
from tests.projects import backup

Fetch = Callable[[int, int], Page[Backup]]


def read(fetch: Fetch, *, page_size: int = 10, concurrency: int = 1) -> Listing[Backup]:
    crew = Crew("test", concurrency)
    return read_list(
        "list", fetch, page_size=page_size, concurrency=concurrency, crew=crew, deadline=Deadline.after(20)
    )


def backups(number: int) -> list[Backup]:
    return [backup(f"b{index}") for index in range(number)]


def pages(items: Sequence[Backup], most: int, count: int | None = None) -> Fetch:
    """A server that gives at most so many items at once."""
    told = len(items) if count is None else count
    return lambda offset, limit: Page(told, items[offset : offset + min(limit, most)])


@given(data=st.data(), number=st.integers(0, 60), page_size=st.integers(1, 25), concurrency=st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_each_record_counts_once_however_the_server_cuts(
    data: st.DataObject, number: int, page_size: int, concurrency: int
) -> None:
    """Pages shorter or longer than asked for, each of another length, but none empty before the end."""
    items = backups(number)
    lengths = data.draw(st.lists(st.integers(1, 30), min_size=number + 1, max_size=number + 1))

    def fetch(offset: int, _limit: int) -> Page[Backup]:
        return Page(number, items[offset : offset + lengths[min(offset, number)]])

    listing = read(fetch, page_size=page_size, concurrency=concurrency)
    assert sorted(item.id for item in items) == sorted(item.id for item in listing.items)
    assert listing.complete
    assert number == listing.count


@pytest.mark.parametrize("most", [2, 10, 1000])
def test_a_server_may_give_fewer_items_than_asked_for(most: int) -> None:
    listing = read(pages(backups(25), most), concurrency=3)
    assert (len({item.id for item in listing.items}), listing.complete) == (25, True)


def test_nothing_is_a_good_list() -> None:
    assert Listing((), (), 0, complete=True) == read(pages([], 10))


def test_a_count_without_items_is_a_contradiction() -> None:
    with pytest.raises(ListingContradiction, match="the count is 3 and the list is empty"):
        read(pages([], 10, count=3))


def test_a_short_page_that_reaches_the_count_is_the_end() -> None:
    asked = []

    def fetch(offset: int, limit: int) -> Page[Backup]:
        asked.append(offset)
        return pages(backups(3), 10)(offset, limit)

    read(fetch)
    assert asked == [0]


def test_a_full_page_that_reaches_the_count_asks_once_more() -> None:
    asked = []

    def fetch(offset: int, limit: int) -> Page[Backup]:
        asked.append(offset)
        return pages(backups(10), 10)(offset, limit)

    assert read(fetch).complete
    assert asked == [0, 10]


def test_a_list_longer_than_its_count_is_read_to_its_end_and_disagrees() -> None:
    listing = read(pages(backups(37), 10, count=20))
    assert (len(listing.items), listing.complete) == (37, False)


def test_a_list_that_agrees_the_second_time_is_complete() -> None:
    takes = []

    def fetch(offset: int, limit: int) -> Page[Backup]:
        if offset == 0:
            takes.append(offset)
        return pages(backups(15), 10, count=16 if len(takes) == 1 else 15)(offset, limit)

    assert read(fetch).complete
    assert len(takes) == 2


def test_a_list_that_never_agrees_is_taken_three_times_and_served_as_incomplete() -> None:
    takes = []

    def fetch(offset: int, limit: int) -> Page[Backup]:
        if offset == 0:
            takes.append(offset)
        return pages(backups(15), 10, count=14)(offset, limit)

    listing = read(fetch)
    assert (len(listing.items), listing.complete, len(takes)) == (15, False, TAKES)


def test_a_retake_that_runs_out_of_time_leaves_the_take_before_it() -> None:
    first = iter([True])

    def fetch(_offset: int, _limit: int) -> Page[Backup]:
        if next(first, False):
            return Page(2, backups(3))
        raise DeadlineExceeded("list", "over")

    listing = read(fetch)
    assert (len(listing.items), listing.complete) == (3, False)


def test_pages_that_tell_different_counts_disagree() -> None:
    listing = read(lambda offset, limit: pages(backups(15), 10, count=15 if offset else 16)(offset, limit))
    assert (len(listing.items), listing.complete) == (15, False)


def test_a_page_that_only_repeats_known_ids_is_a_contradiction() -> None:
    with pytest.raises(ListingContradiction, match="only repeats known ids"):
        read(lambda _offset, _limit: Page(30, backups(10)))


def test_an_item_on_two_pages_counts_once() -> None:
    items = backups(15)
    items[10] = items[9]
    listing = read(pages(items, 10, count=14))
    assert (len(listing.items), listing.complete) == (14, True)


def test_unreadable_items_count_for_completeness() -> None:
    listing = read(lambda _offset, _limit: Page(3, [backup(), Unreadable("b2", "no status"), Unreadable("", "no id")]))
    assert (len(listing.items), len(listing.unreadable), listing.complete) == (1, 2, True)


def test_as_many_pages_are_in_flight_as_concurrency_allows_and_never_more() -> None:
    concurrency = 4
    barrier = threading.Barrier(concurrency, timeout=10)
    lock = threading.Lock()
    in_flight = most = 0
    items = backups(90)  # the first page, then two rounds of four

    def fetch(offset: int, limit: int) -> Page[Backup]:
        nonlocal in_flight, most
        with lock:
            in_flight += 1
            most = max(most, in_flight)
        if 0 < offset < 90:
            barrier.wait()
        with lock:
            in_flight -= 1
        return pages(items, 10)(offset, limit)

    assert len(read(fetch, concurrency=concurrency).items) == 90
    assert concurrency == most


class TestRefusedPageSize:
    def test_is_given_up_for_the_default(self) -> None:
        asked = []

        def fetch(offset: int, limit: int) -> Page[Backup]:
            asked.append(limit)
            if limit > 10:
                raise CallRefused("list", 400, error_code="GES.0002")
            return pages(backups(25), 1000)(offset, limit)

        assert len(read(fetch, page_size=100).items) == 25
        assert asked == [100, 10, 10, 10]

    @pytest.mark.parametrize(
        ("status", "code", "page_size"),
        [(400, "GES.0016", 100), (400, "GES.7041", 100), (403, "", 100), (400, "GES.0002", 10)],
    )
    def test_other_refusals_stand(self, status: int, code: str, page_size: int) -> None:
        asked = []

        def fetch(_offset: int, limit: int) -> Page[Backup]:
            asked.append(limit)
            raise CallRefused("list", status, error_code=code)

        with pytest.raises(CallRefused):
            read(fetch, page_size=page_size)
        assert asked == [page_size]

    def test_on_a_later_page_is_a_failure(self) -> None:
        def fetch(offset: int, limit: int) -> Page[Backup]:
            if offset:
                raise CallRefused("list", 400)
            return pages(backups(25), 1000)(offset, limit)

        with pytest.raises(CallRefused):
            read(fetch, page_size=20, concurrency=2)


class TestTimeIsShort:
    """A take that was read to its end is served where only time was lacking for another."""

    @staticmethod
    def failing_retakes(error: CallRefused) -> Fetch:
        fetched: list[int] = []

        def fetch(offset: int, _: int) -> Page[Backup]:
            fetched.append(offset)
            if fetched.count(0) > 1:
                raise error
            return Page(3, backups(2) if offset == 0 else [])

        return fetch

    def test_a_retake_given_up_for_want_of_time_leaves_the_take_before_it(self) -> None:
        refusal = CallRefused("list_backups", 503, retryable=True)
        refusal.out_of_time = True
        listing = read(self.failing_retakes(refusal))
        assert (len(listing.items), listing.complete) == (2, False)

    def test_a_retake_that_is_refused_fails_the_listing(self) -> None:
        with pytest.raises(CallRefused):
            read(self.failing_retakes(CallRefused("list_backups", 403)))


def test_a_page_that_should_fill_a_gap_and_only_repeats_known_ids_is_a_failure() -> None:
    items = backups(30)

    def fetch(offset: int, limit: int) -> Page[Backup]:
        if offset in {10, 15}:
            return Page(30, items[10:15])
        return Page(30, items[offset : offset + limit])

    with pytest.raises(ListingContradiction, match="offset 15 only repeats"):
        read(fetch, concurrency=2)
