"""The alert rules: their form, their own tests with promtool, and that those tests are what they should be."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.tools import tool

REPOSITORY = Path(__file__).resolve().parents[2]
MONITORING = REPOSITORY / "monitoring"
RULES_FILE = MONITORING / "alerts.yaml"
TEST_FILES = sorted(MONITORING.glob("tests/*.yaml"))
RUNBOOKS = REPOSITORY / "docs" / "runbooks.md"

Rule = Mapping[str, Any]
GROUPS = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))["groups"]
RULES: list[Rule] = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDS = {rule["record"]: rule for rule in RULES if "record" in rule}
EVERY_ALERT = pytest.mark.parametrize("alert", ALERTS)
ALERTS_WITHOUT_PROJECT = {"GESAPIThrottled", "GESConfigReloadFailed", "GESExporterDown"}
# Alerts on what is seen of a project; all of them stay as they are while it is not seen.
REMEMBERED = {name for name in ALERTS if name.startswith("GESBackup")} | {
    "GESGraphListFailing",
    "GESListingIncomplete",
    "GESScrapeNearTimeout",
}

# Each with an alert whose tests depend on it.
THRESHOLDS = {
    "ges:threshold_scrape_budget_ratio": "GESScrapeNearTimeout",
    "ges:threshold_throttled_answers": "GESAPIThrottled",
    "ges:threshold_stuck_seconds": "GESBackupStuck",
    "ges:threshold_stuck_durations": "GESBackupStuck",
    "ges:threshold_stuck_minimum_seconds": "GESBackupStuck",
    "ges:threshold_shrunk_ratio": "GESBackupShrunk",
    "ges:threshold_shrunk_minimum_megabytes": "GESBackupShrunk",
    "ges:threshold_quota_backups": "GESBackupQuotaLow",
}

METRICS = {
    "ges_backup_in_progress_start_timestamp_seconds",
    "ges_backup_last_attempt_successful",
    "ges_backup_last_success_duration_seconds",
    "ges_backup_last_success_size_megabytes",
    "ges_backup_last_success_timestamp_seconds",
    "ges_backups_encrypted",
    "ges_backups_invalid",
    "ges_backups_quota_available",
    "ges_backups_successful",
    "ges_exporter_api_requests_total",
    "ges_exporter_config_last_reload_successful",
    "ges_graph_backup_max_age_seconds",
    "ges_graph_backups_successful",
    "ges_graph_created_timestamp_seconds",
    "ges_graph_info",
    "ges_graph_last_success_timestamp_seconds",
    "ges_graphs_up",
    "ges_listing_complete",
    "ges_scrape_budget_seconds",
    "ges_scrape_duration_seconds",
    "ges_up",
    "up",
}


def seconds(duration: str) -> float:
    """Prometheus's notation in one unit, such as 15m, in seconds."""
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    return timedelta(**{units[duration[-1]]: int(duration[:-1])}).total_seconds()


def scenarios(file: Path) -> list[Rule]:
    loaded: list[Rule] = yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
    return loaded


def scenarios_of(alert: str) -> list[Rule]:
    return scenarios(MONITORING / "tests" / f"{alert}.yaml")


def expectations(scenario: Rule) -> Iterator[tuple[float, list[Rule]]]:
    """What the scenario expects of alerts: the time in seconds, and the alerts."""
    for case in scenario.get("alert_rule_test", []):
        yield seconds(case["eval_time"]), case["exp_alerts"]


def run_promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [tool("promtool"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.tools
def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    checked = run_promtool("check", "rules", "--lint=all", "--lint-fatal", RULES_FILE)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.tools
def test_promtool_finds_nothing_wrong_with_prometheus_yaml() -> None:
    checked = run_promtool("check", "config", "--lint=all", "--lint-fatal", MONITORING / "prometheus.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "1 rule files found" in checked.stdout


@pytest.mark.tools
@pytest.mark.parametrize("file", TEST_FILES, ids=lambda file: file.stem)
def test_the_rules_pass_their_tests(file: Path) -> None:
    tested = run_promtool("test", "rules", file)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.tools
@pytest.mark.parametrize("factor", [0.6, 1.4])
@pytest.mark.parametrize(("threshold", "alert"), THRESHOLDS.items())
def test_a_threshold_that_is_changed_at_the_top_changes_the_alert(
    tmp_path: Path, threshold: str, alert: str, factor: float
) -> None:
    rules = RULES_FILE.read_text(encoding="utf-8")
    pattern = rf"(record: {threshold}\n +expr: vector\()(.+)\)"
    changed, times = re.subn(pattern, rf"\g<1>{factor} * (\g<2>))", rules)
    assert times == 1
    (tmp_path / "alerts.yaml").write_text(changed, encoding="utf-8")
    (tmp_path / "tests").mkdir()
    file = shutil.copy(MONITORING / "tests" / f"{alert}.yaml", tmp_path / "tests")
    tested = run_promtool("test", "rules", file)
    assert tested.returncode == 1, tested.stdout
    assert "FAILED" in tested.stderr + tested.stdout


def test_the_thresholds_stand_at_the_top() -> None:
    assert [rule.get("record") for rule in RULES[: len(THRESHOLDS)]] == list(THRESHOLDS)
    assert [name for name in RECORDS if "threshold" in name] == list(THRESHOLDS)


def test_all_rules_are_one_group_because_they_read_what_those_above_have_recorded() -> None:
    assert [group["name"] for group in GROUPS] == ["ges-exporter"]


@pytest.mark.parametrize("record", RECORDS)
def test_a_recorded_series_is_used_by_another_rule(record: str) -> None:
    others = [rule["expr"] for rule in RULES if rule.get("record") != record]
    assert any(re.search(rf"{record}\b", expression) for expression in others)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_reads_metrics_of_the_exporters_job_alone(rule: Rule) -> None:
    metrics = re.findall(r"(?<![\w:])(ges_\w+|up)\b(\{job=\"ges-exporter\")?", rule["expr"])
    assert {name for name, job in metrics} <= METRICS
    assert {name for name, job in metrics if not job} == set()


@EVERY_ALERT
def test_an_alert_says_how_bad_it_is_and_what_to_do_first(alert: str) -> None:
    rule = ALERTS[alert]
    assert re.fullmatch(r"GES([A-Z][a-z]+|API)+", alert)
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["labels"]) == {"severity"}
    assert seconds(rule["for"]) >= 5 * 60
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert "{{" not in rule["annotations"]["summary"]
    assert rule["annotations"]["summary"].endswith(".")
    # Nothing is known of an exporter that is not there.
    assert ("{{" in rule["annotations"]["description"]) == (alert != "GESExporterDown")


@EVERY_ALERT
def test_a_description_names_the_project_only_where_there_is_one(alert: str) -> None:
    description = ALERTS[alert]["annotations"]["description"]
    named = re.findall(r"{{ with \$labels\.project }} (?:in|of) project {{ \. }}{{ end }}", description)
    assert len(named) == (0 if alert in ALERTS_WITHOUT_PROJECT else 1)
    assert description.count("$labels.project") == len(named)


@EVERY_ALERT
def test_an_alert_leads_to_its_section_of_the_runbooks(alert: str) -> None:
    prefix, _, anchor = ALERTS[alert]["annotations"]["runbook_url"].partition("#")
    assert prefix.endswith("/docs/runbooks.md")
    assert anchor == alert.lower()
    sections = re.split(r"^## ", RUNBOOKS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (section,) = [section for section in sections if section.startswith(f"{alert}\n")]
    parts = re.findall(r"^\*\*(.+?)\.\*\*", section, flags=re.MULTILINE)
    assert parts == ["What it means", "How to check", "What to do"]


def test_the_runbooks_have_no_section_for_an_alert_that_is_none() -> None:
    headings = re.findall(r"^## (GES\w+)$", RUNBOOKS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert headings == list(ALERTS)


@pytest.mark.tools
def test_the_queries_of_the_runbooks_and_of_the_guide_are_promql(tmp_path: Path) -> None:
    pages = [RUNBOOKS, REPOSITORY / "docs" / "monitoring.md"]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    queries = [block.strip() for block in re.findall(r"```promql\n(.+?)```", text, flags=re.DOTALL)]
    assert len(queries) >= len(ALERTS)
    # promtool parses no single query, but it parses rules.
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    checked = run_promtool("check", "rules", "--lint=none", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@EVERY_ALERT
def test_an_alert_is_tested_to_fire_and_not_one_step_before_its_time(alert: str) -> None:
    step = 60
    pairs = [
        (dict(expectations(scenario)), time, alerts)
        for scenario in scenarios_of(alert)
        for time, alerts in expectations(scenario)
        if scenario["interval"] == "1m" and alerts
    ]
    assert any(times.get(time - step) == [] and time > seconds(ALERTS[alert]["for"]) - 1 for times, time, _ in pairs)


@EVERY_ALERT
def test_the_text_of_an_alert_is_tested_with_and_without_a_project(alert: str) -> None:
    fired = [
        expected for scenario in scenarios_of(alert) for _, alerts in expectations(scenario) for expected in alerts
    ]
    assert all(set(expected["exp_annotations"]) == set(ALERTS[alert]["annotations"]) for expected in fired)
    with_project = ["project" in expected["exp_labels"] for expected in fired]
    assert False in with_project
    assert (True in with_project) == (alert not in ALERTS_WITHOUT_PROJECT)


@EVERY_ALERT
def test_an_alert_is_tested_not_to_fire_for_what_looks_like_it(alert: str) -> None:
    twins = [scenario for scenario in scenarios_of(alert) if scenario["name"].startswith("twin: ")]
    quiet = [scenario for scenario in twins if list(expectations(scenario))]
    assert quiet
    assert all(alerts == [] for scenario in quiet for _, alerts in expectations(scenario))


@EVERY_ALERT
def test_an_alert_is_tested_with_two_instances_of_the_exporter(alert: str) -> None:
    def instances(scenario: Rule) -> set[str]:
        found = re.findall(r'job="ges-exporter", instance="(\w+)"', str(scenario["input_series"]))
        return set(found)

    fires = [scenario for scenario in scenarios_of(alert) if not scenario["name"].startswith("twin: ")]
    assert any({"a", "b"} <= instances(scenario) for scenario in fires)


@pytest.mark.parametrize("alert", sorted(REMEMBERED))
def test_an_alert_on_a_project_is_tested_to_outlast_an_outage(alert: str) -> None:
    outages = [
        sample["labels"]
        for scenario in scenarios(MONITORING / "tests" / "outage.yaml")
        for case in scenario["promql_expr_test"]
        for sample in case["exp_samples"]
    ]
    assert any(f'alertname="{alert}"' in labels for labels in outages)
