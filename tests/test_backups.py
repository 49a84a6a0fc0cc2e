"""What groups of backups amount to."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ges_exporter.backups import Backup, Group, amount_to, graph_names, group
from tests.projects import backup

moments = st.integers(1, 6).map(float)
unknown = st.none()
records = st.builds(
    backup,
    st.uuids().map(str),
    graph_id=st.sampled_from(["g1", "g2", ""]),
    graph_name=st.sampled_from(["orders", "social"]),
    method=st.sampled_from(["auto", "manual", "import"]),
    arch=st.sampled_from(["x86_64", ""]),
    status=st.sampled_from(["success", "failed", "backing_up", "paused"]),
    start=moments,
    end=moments | unknown,
    size=moments | unknown,
    duration=moments | unknown,
    encrypted=st.booleans(),
)


def first(backups: list[Backup]) -> Backup | None:
    return backups[0] if backups else None


lists = st.lists(records, max_size=20, unique_by=lambda record: record.id)


@given(lists)
@settings(max_examples=150, deadline=None)
def test_groups_are_those_of_an_oracle(listed: list[Backup]) -> None:
    def newest_first(backups: list[Backup]) -> list[Backup]:
        return sorted(backups, key=lambda b: (b.end if b.end is not None else b.start, b.id), reverse=True)

    keys = {(b.graph_name, b.method, b.arch) for b in listed}
    found = group(listed, {})
    assert sorted(Group(*key) for key in keys) == list(found)
    for key in keys:
        members = newest_first([b for b in listed if (b.graph_name, b.method, b.arch) == key])
        by = {s: [b for b in members if b.status == s] for s in ("success", "failed", "backing_up")}
        figures = found[Group(*key)]
        assert (len(members), *(len(by[s]) for s in by)) == (
            figures.total, figures.successful, figures.failed, figures.in_progress
        )  # fmt: skip
        assert sum(b.encrypted for b in members) == figures.encrypted
        assert sum(b.size for b in by["success"] if b.size) == figures.size
        assert sum(b.duration for b in by["success"] if b.duration) == figures.duration
        assert first(by["success"]) == figures.last_success
        assert first(by["success"][::-1]) == figures.oldest_success
        assert first(by["failed"]) == figures.last_failure
        finished = [b for b in members if b.status in {"success", "failed"}]
        assert first(finished) == figures.last_attempt
        waiting = sorted(by["backing_up"], key=lambda b: (b.start, b.id))
        assert first(waiting) == figures.oldest_in_progress


@given(lists)
@settings(max_examples=100, deadline=None)
def test_no_backup_is_lost_or_counted_twice(listed: list[Backup]) -> None:
    found = group(listed, graph_names(listed))
    assert len(listed) == sum(figures.total for figures in found.values())
    assert Counter(b.method for b in listed) == Counter(
        {m: n for m in ("auto", "manual", "import") if (n := sum(f.total for k, f in found.items() if k.method == m))}
    )


class TestNewest:
    def test_is_by_the_end(self) -> None:
        late = backup("a", start=1.0, end=9.0)
        assert late == amount_to([late, backup("b", start=5.0, end=6.0)]).last_success

    def test_is_by_the_start_where_there_is_no_end(self) -> None:
        endless = backup("a", start=7.0, end=None)
        assert endless == amount_to([backup("b", start=1.0, end=6.0), endless]).last_success

    def test_is_by_the_id_as_text_where_the_times_are_equal(self) -> None:
        assert amount_to([backup("9"), backup("10")]).last_success == backup("9")


@pytest.mark.parametrize(("listed", "expected"), [((("old", 1.0), ("new", 2.0)), "new"), ((("only", 1.0),), "only")])
def test_a_renamed_graph_has_the_name_of_its_newest_record(
    listed: tuple[tuple[str, float], ...], expected: str
) -> None:
    found = graph_names([backup(name, graph_name=name, end=end) for name, end in listed])
    assert found == {"g1": expected}


def test_a_record_without_graph_id_keeps_the_name_in_it() -> None:
    assert graph_names([backup(graph_id="")]) == {}
    assert list(group([backup(graph_id="")], {})) == [Group("orders", "auto", "x86_64")]
