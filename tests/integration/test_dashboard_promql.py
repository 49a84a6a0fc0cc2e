"""What the dashboard's queries answer, found out with promtool: every series is made up, no server runs."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.dashboard_queries import ALL_CHOSEN, queries, query_of, read_dashboard
from tests.integration.tools import tool

pytestmark = pytest.mark.tools

HOUR = 3600
NOW = 100 * HOUR
Series = dict[str, float | str]
Samples = Mapping[str, float]
NOTHING: Samples = {}


def one(value: float) -> Samples:
    """A single sample without labels."""
    return {"{}": value}


def run_promtool(folder: Path, *arguments: str, document: object) -> None:
    file = folder / "promtool.yaml"
    file.write_text(json.dumps(document), encoding="utf-8")
    command = [tool("promtool"), *arguments, str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def assert_answers(folder: Path, series: Series, answers: Mapping[str, Samples]) -> None:
    """Asks `answers` (from query to samples) at NOW; a series is a value that it always had, or promtool's notation."""
    document = {
        "evaluation_interval": "10m",
        "tests": [
            {
                "interval": "10m",
                "input_series": [
                    {"series": name, "values": value if isinstance(value, str) else f"{value}x600"}
                    for name, value in series.items()
                ],
                "promql_expr_test": [
                    {
                        "expr": query,
                        "eval_time": f"{NOW}s",
                        "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()],
                    }
                    for query, samples in answers.items()
                ],
            }
        ],
    }
    run_promtool(folder, "test", "rules", document=document)


def assert_stats(folder: Path, series: Series, **expected: float | None) -> None:
    """Compares panels, called by their titles in snake case; None stands for unknown."""
    answers = {
        query_of(title.capitalize().replace("_", " ")): NOTHING if value is None else one(value)
        for title, value in expected.items()
    }
    assert_answers(folder, series, answers)


def up(project: str = "", *, listed: float = 1, graphs: float | None = 1, instance: str = "a") -> Series:
    """The series of a project of which the listings succeeded or not."""
    labels = f'{{instance="{instance}"{project}}}'
    series: Series = {f"ges_up{labels}": listed}
    if graphs is not None:
        series[f"ges_graphs_up{labels}"] = graphs
    return series


def graph(
    name: str,
    *,
    identifier: str = "id-1",
    project: str = "",
    instance: str = "a",
    status: str = "200",
    max_age: float | None = 48,
    success_age: float | None = 1,
    created_age: float | None = 90,
    successes: float = 3,
) -> Series:
    """The series of one graph; ages in hours."""
    labels = f'instance="{instance}",graph_name={json.dumps(name)},graphId="{identifier}"{project}'
    values = {
        "ges_graph_backup_max_age_seconds": max_age and max_age * HOUR,
        "ges_graph_last_success_timestamp_seconds": success_age and NOW - success_age * HOUR,
        "ges_graph_created_timestamp_seconds": created_age and NOW - created_age * HOUR,
        "ges_graph_backups_successful": successes,
    }
    series: Series = {f'ges_graph_info{{{labels},graphStatus="{status}"}}': 1}
    series.update({f"{metric}{{{labels}}}": value for metric, value in values.items() if value is not None})
    return series


def group(name: str, *, instance: str = "a", method: str = "auto", **values: float) -> Series:
    """Series of one group of backups: the metrics by name, without their ges_."""
    labels = f'instance="{instance}",graph_name={json.dumps(name)},backupMethod="{method}",arch="x86_64"'
    return {f"ges_{metric}{{{labels}}}": value for metric, value in values.items()}


def test_every_query_is_valid_promql(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel_{number}", "expr": expression}
        for number, (_, expression) in enumerate(queries(read_dashboard()))
    ]
    run_promtool(tmp_path, "check", "rules", document={"groups": [{"name": "dashboard", "rules": rules}]})


def test_a_healthy_project_without_a_name_counts_as_such(tmp_path: Path) -> None:
    assert_stats(
        tmp_path,
        up() | graph("a") | group("a", backup_last_attempt_successful=1),
        projects_blind=0,
        out_of_policy=0,
        never_backed_up=0,
        failing=0,
        stuck=0,
        within_policy=1,
        without_policy=0,
    )


def test_a_blind_project_is_unknown_and_not_zero(tmp_path: Path) -> None:
    assert_stats(
        tmp_path,
        up(listed=0, graphs=0),
        projects_blind=1,
        out_of_policy=None,
        never_backed_up=None,
        failing=None,
        stuck=None,
        within_policy=None,
        without_policy=None,
    )


def test_without_any_exporter_all_is_unknown(tmp_path: Path) -> None:
    assert_stats(
        tmp_path,
        {},
        projects_blind=None,
        targets_down=None,
        out_of_policy=None,
        never_backed_up=None,
        failing=None,
        stuck=None,
        within_policy=None,
        without_policy=None,
        configuration=None,
    )


def test_one_blind_project_leaves_no_zero_to_the_others_but_keeps_what_is_bad(tmp_path: Path) -> None:
    blind = up(',project="blind"', listed=0, graphs=0) | up(',project="seen"')
    seen = graph("a", project=',project="seen"')
    assert_stats(tmp_path, blind | seen, projects_blind=1, out_of_policy=None, within_policy=1)

    old = graph("b", identifier="id-2", project=',project="seen"', success_age=49)
    assert_stats(tmp_path, blind | seen | old, projects_blind=1, out_of_policy=1, within_policy=1)


def test_a_project_whose_exporter_died_is_blind_and_not_forgotten(tmp_path: Path) -> None:
    gone: Series = {'ges_up{project="gone"}': "1x480 _x120"}
    assert_stats(
        tmp_path, gone | up(',project="seen"') | graph("a", project=',project="seen"'), projects_blind=1, stuck=None
    )


def test_a_failed_or_omitted_graph_list_cannot_say_that_none_was_never_backed_up(tmp_path: Path) -> None:
    for graphs in (0, None):
        assert_stats(
            tmp_path,
            up(graphs=graphs) | up(',project="listed"') | graph("a", created_age=None),
            projects_blind=0,
            out_of_policy=0,
            within_policy=1,
            never_backed_up=None,
            without_policy=None,
        )


def test_two_exporters_on_one_project_count_once(tmp_path: Path) -> None:
    series = {
        name: value
        for instance in ("a", "b")
        for part in (
            up(instance=instance),
            graph("a", instance=instance, success_age=49),
            group("a", instance=instance, backups=5, backup_last_attempt_successful=0),
        )
        for name, value in part.items()
    }
    assert_stats(tmp_path, series, projects_blind=0, out_of_policy=1, failing=1)
    assert_answers(tmp_path, series, {query_of("Backups by method"): {'{backupMethod="auto"}': 5}})


def test_two_exporters_of_which_one_is_blind_see_the_project(tmp_path: Path) -> None:
    series = up(instance="a") | graph("a", instance="a") | up(instance="b", listed=0, graphs=0)
    assert_stats(tmp_path, series, projects_blind=0, out_of_policy=0, never_backed_up=0)


def test_each_graph_is_in_one_of_the_four_policy_counts(tmp_path: Path) -> None:
    series = (
        up()
        | graph("at its limit", identifier="1", success_age=48)
        | graph("past its limit", identifier="2", success_age=48.01)
        | graph("never", identifier="3", success_age=None, successes=0)
        | graph("never, and of unknown age", identifier="4", success_age=None, successes=0, created_age=None)
        | graph("just created", identifier="5", success_age=None, successes=0, created_age=47)
        | graph("imported only", identifier="6", success_age=None, successes=1)
        | graph("nobody cares", identifier="7", max_age=None, success_age=99)
        | graph("deleted", identifier="8", max_age=None, success_age=99, status="400")
    )
    assert_stats(tmp_path, series, within_policy=2, out_of_policy=2, never_backed_up=2, without_policy=1)
    states = {"1": 0, "2": 1, "3": 2, "4": 2, "5": 0, "6": 1, "7": 3}
    names = dict(re.findall(r'graph_name="([^"]*)",graphId="(\d)"', " ".join(series)))
    labels = {number: f'{{graph_name="{name}",graphId="{number}"}}' for name, number in names.items()}
    [state, *_] = [query for title, query in queries(read_dashboard()) if title == "Graphs, worst first"]
    assert_answers(tmp_path, series, {state: {labels[number]: value for number, value in states.items()}})


def test_a_deleted_graph_neither_fails_nor_is_stuck(tmp_path: Path) -> None:
    troubled = group("a", backup_last_attempt_successful=0, backup_in_progress_start_timestamp_seconds=NOW - 50 * HOUR)
    assert_stats(tmp_path, up() | graph("a", status="400") | troubled, failing=0, stuck=0)
    assert_stats(tmp_path, up() | graph("a") | troubled, failing=1, stuck=1)


def test_a_graph_made_again_under_its_name_inherits_nothing(tmp_path: Path) -> None:
    series = (
        up()
        | graph("a", identifier="dead", status="400", max_age=None)
        | graph("a", identifier="live", success_age=None, successes=0)
        | group("a", backup_oldest_success_timestamp_seconds=NOW - 70 * HOUR)
    )
    assert_stats(tmp_path, series, never_backed_up=1, within_policy=0)
    *_, reaches_back = [query for title, query in queries(read_dashboard()) if title == "Graphs, worst first"]
    assert_answers(tmp_path, series, {reaches_back: NOTHING})


@pytest.mark.parametrize(
    ("running_hours", "last_duration", "stuck"),
    [
        (0.99, 60.0, 0),
        (1.01, 60.0, 1),
        (1.01, HOUR, 0),
        (1.01, None, 0),
        # 0 is what the API says of automatic backups, not how long they take.
        (1.01, 0.0, 0),
        (3.99, HOUR, 0),
        (4.01, 2 * HOUR, 1),
        (4.01, None, 1),
    ],
)
def test_stuck_is_over_four_hours_or_slow_and_over_one(
    tmp_path: Path, running_hours: float, last_duration: float | None, stuck: int
) -> None:
    running = group("a", backup_in_progress_start_timestamp_seconds=NOW - running_hours * HOUR)
    last: Series = {} if last_duration is None else group("a", backup_last_success_duration_seconds=last_duration)
    assert_stats(tmp_path, up() | graph("a") | running | last, stuck=stuck)


def test_a_project_that_uses_no_token_has_no_end_of_one_and_an_ended_one_stays_at_zero(tmp_path: Path) -> None:
    query = query_of("Time to the end of the token")
    assert_answers(tmp_path, up(), {query: NOTHING})
    ended: Series = {"ges_exporter_token_expiry_timestamp_seconds": NOW - 60.0}
    assert_answers(tmp_path, up() | ended, {query: one(0)})


@pytest.mark.parametrize("name", ['with "quotes"', "with a \\ backslash", "生产 图", "a.b*c", "two\nlines"])
def test_a_chosen_graph_is_found_whatever_its_name(tmp_path: Path, name: str) -> None:
    # The format `regex` of Grafana's variables.
    escaped = re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", name)
    query = query_of("Within policy", {**ALL_CHOSEN, "${graph:regex}": escaped})
    series = up() | graph(name) | graph("another", identifier="id-2")
    assert_answers(tmp_path, series, {query: one(1)})


def test_alerts_on_the_exporter_itself_show_whichever_project_is_chosen(tmp_path: Path) -> None:
    alerts: Series = {
        'ALERTS{alertname="GESExporterDown",alertstate="firing"}': 1,
        'ALERTS{alertname="GESBackupFailed",alertstate="firing",project="chosen"}': 1,
        'ALERTS{alertname="GESBackupFailed",alertstate="firing",project="other"}': 1,
        'ALERTS{alertname="AnotherTeams",alertstate="firing"}': 1,
    }
    query = query_of("Alerts", {**ALL_CHOSEN, "${project:regex}": "chosen"})
    expected = {
        '{alertname="GESExporterDown",alertstate="firing"}': 1,
        '{alertname="GESBackupFailed",alertstate="firing",project="chosen"}': 1,
    }
    assert_answers(tmp_path, alerts, {query: expected})
