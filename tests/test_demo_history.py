"""The history of the made-up project: who is in it, and what one sees who watches."""

from __future__ import annotations

from itertools import pairwise
from uuid import UUID

import pytest

from ges_exporter.demo.characters import CHARACTERS, HEALTHY
from ges_exporter.demo.history import Backup, Graph, World, history

STARTED = 1_790_000_000.25
DAY = 86_400
NOWS = [STARTED + seconds for seconds in (0, 1, 59, 300, 3600, 30 * DAY)]


def graph_called(world: World, name: str) -> Graph:
    (graph,) = [graph for graph in world.graphs if graph.name == name]
    return graph


def backups_of(world: World, graph: Graph) -> list[Backup]:
    return [backup for backup in world.backups if backup.graph.id == graph.id]


def named(world: World, name: str) -> list[Backup]:
    return backups_of(world, graph_called(world, name))


def with_status(backups: list[Backup], status: str) -> list[Backup]:
    return [backup for backup in backups if backup.status == status]


def newest_end(backups: list[Backup]) -> int:
    return max(backup.end for backup in with_status(backups, "success") if backup.end is not None)


def watched(name: str, seconds: int) -> list[list[Backup]]:
    """What a graph's backups are at each second of so many."""
    return [named(history(1, STARTED, STARTED + second), name) for second in range(seconds)]


def test_the_same_seed_gives_the_same_history() -> None:
    assert history(7, STARTED, STARTED + 500) == history(7, STARTED, STARTED + 500)


def test_another_seed_gives_other_ids() -> None:
    ours, theirs = (history(seed, STARTED, STARTED) for seed in (1, 2))
    assert set() == {graph.id for graph in ours.graphs} & {graph.id for graph in theirs.graphs}
    assert set() == {backup.id for backup in ours.backups} & {backup.id for backup in theirs.backups}


def test_what_was_asked_before_changes_nothing() -> None:
    later = history(1, STARTED, STARTED + 900)
    history(1, STARTED, STARTED)
    assert later == history(1, STARTED, STARTED + 900)


def test_a_fraction_of_a_second_changes_nothing() -> None:
    whole = int(STARTED) + 100
    assert history(1, STARTED, whole) == history(1, STARTED, whole + 0.99)


@pytest.mark.parametrize("now", NOWS)
def test_nothing_lies_in_the_future(now: float) -> None:
    world = history(1, STARTED, now)
    assert max(backup.start for backup in world.backups) <= now
    assert max(backup.end for backup in world.backups if backup.end is not None) <= now
    assert max(graph.created for graph in world.graphs) <= now


@pytest.mark.parametrize("now", NOWS)
def test_no_backup_is_older_than_its_graph(now: float) -> None:
    assert [backup for backup in history(1, STARTED, now).backups if backup.start < backup.graph.created] == []


@pytest.mark.parametrize("now", NOWS)
def test_ids_are_uuids_and_unique(now: float) -> None:
    world = history(1, STARTED, now)
    for ids in ([graph.id for graph in world.graphs], [backup.id for backup in world.backups]):
        assert len(ids) == len(set(ids))
        assert ids == [str(UUID(each)) for each in ids]


@pytest.mark.parametrize("now", NOWS)
def test_the_newest_backup_comes_first(now: float) -> None:
    starts = [backup.start for backup in history(1, STARTED, now).backups]
    assert starts == sorted(starts, reverse=True)


@pytest.mark.parametrize("now", NOWS)
def test_the_listing_stays_of_a_size(now: float) -> None:
    world = history(1, STARTED, now)
    assert len(CHARACTERS) == len(world.graphs)
    assert 100 < len(world.backups) < 190


class TestWatching:
    def test_a_backup_starts_runs_and_ends(self) -> None:
        states: dict[str, list[str]] = {}
        for backups in watched("orders", 150):
            for backup in backups:
                seen = states.setdefault(backup.id, [])
                if seen[-1:] != [backup.status]:
                    seen.append(backup.status)
        assert ["backing_up", "success"] in states.values()

    def test_a_backup_starts_runs_and_fails(self) -> None:
        states: dict[str, list[str]] = {}
        for backups in watched("payments", 240):
            for backup in backups:
                seen = states.setdefault(backup.id, [])
                if seen[-1:] != [backup.status]:
                    seen.append(backup.status)
        assert ["backing_up", "failed"] in states.values()
        assert ["backing_up", "success"] in states.values()

    def test_a_new_success_rotates_the_oldest_one_away(self) -> None:
        rotations = 0
        for before, after in pairwise(watched("customers", 240)):
            gone = {backup.id for backup in before} - {backup.id for backup in after}
            if gone:
                rotations += 1
                oldest = min(with_status(before, "success"), key=lambda backup: backup.start)
                assert {oldest.id} == gone
            assert len(with_status(after, "success")) == 7
        assert rotations >= 2

    def test_a_backup_once_finished_stays_as_it_is(self) -> None:
        finished: dict[str, Backup] = {}
        for second in range(0, 600, 7):
            for backup in history(1, STARTED, STARTED + second).backups:
                if backup.status != "backing_up" and backup.graph.name != "network_topology":
                    assert backup == finished.setdefault(backup.id, backup)

    def test_a_graph_tells_that_it_is_being_backed_up(self) -> None:
        for second in range(0, 300, 5):
            world = history(1, STARTED, STARTED + second)
            running = with_status(named(world, "network_topology"), "backing_up")
            assert ("903" if running else "200") == graph_called(world, "network_topology").status

    def test_within_five_minutes_every_healthy_graph_is_backed_up_again(self) -> None:
        world = history(1, STARTED, STARTED + 400)
        late = [each.name for each in HEALTHY if newest_end(named(world, each.name)) < STARTED]
        assert late == []


class TestCharacters:
    @pytest.mark.parametrize("now", NOWS)
    def test_the_healthy_ones_never_fail_and_have_a_fresh_success(self, now: float) -> None:
        world = history(1, STARTED, now)
        for character in HEALTHY:
            backups = named(world, character.name)
            assert with_status(backups, "failed") == []
            assert newest_end(backups) > now - 26 * 3600

    def test_the_healthy_ones_are_the_majority_of_those_that_are_to_be_backed_up(self) -> None:
        unhealthy = {"payments", "suppliers", "logistics", "sessions", "identities", "archive_2025", "social"}
        assert unhealthy <= {graph.name for graph in history(1, STARTED, STARTED).graphs}
        assert len(HEALTHY) > len(unhealthy)

    @pytest.mark.parametrize("now", NOWS)
    def test_one_was_deleted_and_kept_one_automatic_and_two_manual_backups(self, now: float) -> None:
        world = history(1, STARTED, now)
        assert graph_called(world, "campaign_2024").status == "400"
        kept = named(world, "campaign_2024")
        assert sorted(backup.method for backup in kept) == ["auto", "manual", "manual"]
        assert newest_end(kept) < STARTED - 2 * DAY

    @pytest.mark.parametrize("now", NOWS)
    def test_the_last_attempts_of_one_fail(self, now: float) -> None:
        backups = named(history(1, STARTED, now), "suppliers")
        last_success = newest_end(backups)
        failures = with_status(backups, "failed")
        assert last_success < STARTED - 2 * DAY
        assert len(failures) == 3
        assert min(backup.start for backup in failures) > last_success

    @pytest.mark.parametrize("now", NOWS)
    def test_one_backup_hangs(self, now: float) -> None:
        backups = named(history(1, STARTED, now), "logistics")
        (hung,) = with_status(backups, "backing_up")
        assert hung.start < STARTED - 5 * 3600
        assert [hung.end, hung.size, hung.duration] == [None, None, None]
        assert newest_end(backups) > STARTED - 2 * DAY

    @pytest.mark.parametrize("seconds", [0, 130, 400, 700])
    def test_the_backups_of_one_shrink(self, seconds: int) -> None:
        successes = with_status(named(history(1, STARTED, STARTED + seconds), "sessions"), "success")
        sizes = [backup.size or 0 for backup in sorted(successes, key=lambda backup: backup.start)]
        assert sizes[0] > 100
        assert sizes[-1] < sizes[0] / 2
        small = [size for size in sizes if size < sizes[0] / 2]
        assert small == sorted(small, reverse=True)

    @pytest.mark.parametrize("now", NOWS)
    def test_one_was_never_backed_up(self, now: float) -> None:
        world = history(1, STARTED, now)
        assert named(world, "identities") == []
        assert graph_called(world, "identities").created < STARTED - 9 * DAY

    def test_one_is_just_created_and_gets_its_first_backup_within_two_hours(self) -> None:
        young = history(1, STARTED, STARTED)
        assert named(young, "experiments") == []
        assert STARTED - 600 < graph_called(young, "experiments").created < STARTED
        assert with_status(named(history(1, STARTED, STARTED + 7200), "experiments"), "success") != []

    @pytest.mark.parametrize("now", NOWS)
    def test_a_deleted_graph_and_a_living_one_have_the_same_name(self, now: float) -> None:
        world = history(1, STARTED, now)
        dead, living = sorted(
            (graph for graph in world.graphs if graph.name == "social"), key=lambda graph: graph.created
        )
        assert [dead.status, living.status] == ["400", "200"]
        assert dead.id != living.id
        assert len(backups_of(world, dead)) == 3
        assert backups_of(world, living) == []
        assert living.created < STARTED - 3 * DAY

    @pytest.mark.parametrize("now", NOWS)
    def test_small_and_persistent_graphs_have_manual_backups_only(self, now: float) -> None:
        world = history(1, STARTED, now)
        assert graph_called(world, "sandbox").size_type_index == "0"
        assert graph_called(world, "telemetry").product_type == "Persistence"
        for name in ("sandbox", "telemetry"):
            assert {"manual"} == {backup.method for backup in named(world, name)}
            assert newest_end(named(world, name)) < STARTED - 2 * DAY

    @pytest.mark.parametrize("now", NOWS)
    def test_the_automatic_backups_of_one_stopped_and_only_an_import_is_fresh(self, now: float) -> None:
        backups = named(history(1, STARTED, now), "archive_2025")
        own = [backup for backup in backups if backup.method == "auto"]
        imported = [backup for backup in backups if backup.method == "import"]
        assert {"success"} == {backup.status for backup in backups}
        assert newest_end(own) < STARTED - 2 * DAY
        assert newest_end(imported) > STARTED - DAY

    def test_names_have_spaces_quotes_and_chinese(self) -> None:
        names = {graph.name for graph in history(1, STARTED, STARTED).graphs}
        assert {"product recommendations", 'risk "live"', "d'Alembert", "知识图谱"} <= names

    def test_graphs_differ_in_every_label(self) -> None:
        graphs = history(1, STARTED, STARTED).graphs
        assert {"x86_64", "aarch64"} == {graph.arch for graph in graphs}
        assert {"0", "1", "2", "3", "4", "6", "401"} == {graph.size_type_index for graph in graphs}
        assert len({graph.data_store_version for graph in graphs}) >= 4
        assert {True, False} == {graph.encrypted for graph in graphs}

    def test_some_healthy_graphs_have_manual_backups_too(self) -> None:
        assert {"auto", "manual"} == {backup.method for backup in named(history(1, STARTED, STARTED), "orders")}


class TestWhatTheCloudDoesNotTell:
    def test_running_backups_tell_no_end_size_or_duration(self) -> None:
        running = [
            backup
            for second in range(0, 200, 9)
            for backup in history(1, STARTED, STARTED + second).backups
            if backup.status == "backing_up"
        ]
        assert [(None, None, None)] * len(running) == [(b.end, b.size, b.duration) for b in running]
        assert {"null", "missing", "zero"} == {backup.unknown for backup in running}

    def test_failed_backups_tell_in_four_ways(self) -> None:
        failed = {
            backup.id: backup
            for second in range(0, 1200, 60)
            for backup in history(1, STARTED, STARTED + second).backups
            if backup.status == "failed"
        }
        ways = {"all" if backup.end is not None else backup.unknown for backup in failed.values()}
        assert {"all", "null", "missing", "zero"} == ways

    @pytest.mark.parametrize("now", NOWS)
    def test_successful_backups_tell_all(self, now: float) -> None:
        successes = with_status(list(history(1, STARTED, now).backups), "success")
        assert [b for b in successes if b.end is None or b.size is None or b.duration is None] == []

    def test_a_duration_may_differ_from_the_time_between_start_and_end(self) -> None:
        successes = with_status(named(history(1, STARTED, STARTED + 300), "orders"), "success")
        differences = {b.end - b.start - b.duration for b in successes if b.end and b.duration is not None}
        assert {0, 1} == differences

    def test_an_automatic_backup_may_end_in_the_second_it_starts(self) -> None:
        backups = named(history(1, STARTED, STARTED + 300), "lookup_table")
        assert {0} == {backup.duration for backup in backups}
        assert [backup.start for backup in backups] == [backup.end for backup in backups]


def test_a_manual_backup_lasts_a_second_less_than_the_time_between_its_start_and_end() -> None:
    manual = [b for b in history(1, STARTED, STARTED).backups if b.method == "manual"]
    assert {b.end - b.start - b.duration for b in manual if b.end and b.duration} == {1}


def test_automatic_names_carry_the_time_of_china_and_manual_ones_utc() -> None:
    world = history(1, 1_623_242_005, 1_623_242_100)
    automatic = [b for b in world.backups if b.method == "auto" and b.graph.name == "orders"]
    first = next(backup for backup in automatic if backup.start == 1_623_242_010)
    assert first.name == "orders_20210609203329_auto"
    manual = next(b for b in world.backups if b.method == "manual" and b.graph.name == "orders")
    assert manual.name == "orders-20210606123325"
