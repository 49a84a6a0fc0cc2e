import itertools
import re
from collections.abc import Mapping
from typing import Any

import pytest

from monitoring.grafana import dashboard as program
from tests.dashboard_queries import DASHBOARD_FILE, panels, queries, read_dashboard

DASHBOARD = read_dashboard()
PANELS = list(panels(DASHBOARD))
EVERY_PANEL = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
GRID_WIDTH = 24


def test_the_committed_file_is_what_the_program_writes() -> None:
    assert program.render() == DASHBOARD_FILE.read_text(encoding="utf-8")


def test_title_and_uid_are_those_that_users_have_bookmarked() -> None:
    assert DASHBOARD["title"] == "GES backups"
    assert DASHBOARD["uid"] == "ges-backups"


def test_the_rows_answer_from_the_most_to_the_least_urgent_question() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    expected = ["Can every graph be restored?", "Sizes and durations", "Counts", "The exporter itself"]
    assert expected == rows


def test_every_panel_has_a_title_and_an_id_of_its_own() -> None:
    titles = [panel["title"] for panel in PANELS]
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert sorted(set(titles)) == sorted(titles)
    assert list(range(1, len(numbers) + 1)) == numbers


@EVERY_PANEL
def test_a_panel_says_what_it_shows_and_what_it_means_to_be_empty(panel: Mapping[str, Any]) -> None:
    assert re.fullmatch(r"[A-Z].{20,}\.", panel["description"], re.DOTALL)
    assert panel["fieldConfig"]["defaults"]["noValue"]


@EVERY_PANEL
def test_a_panel_has_a_unit(panel: Mapping[str, Any]) -> None:
    assert panel["fieldConfig"]["defaults"]["unit"]


@EVERY_PANEL
def test_a_panel_asks_the_chosen_data_source(panel: Mapping[str, Any]) -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert chosen == panel["datasource"]
    assert [chosen] * len(panel["targets"]) == [target["datasource"] for target in panel["targets"]]


@pytest.mark.parametrize(
    "panel", [panel for panel in PANELS if panel["type"] == "stat"], ids=lambda panel: panel["title"]
)
def test_a_number_that_is_not_known_is_not_painted_as_a_good_one(panel: Mapping[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    # Grafana paints what has no value with the lowest step.
    lowest = defaults["thresholds"]["steps"][0]
    assert lowest["value"] is None
    assert lowest["color"] == "purple"
    assert defaults["noValue"] == "unknown"


@pytest.mark.parametrize(
    "panel", [panel for panel in PANELS if panel["type"] == "table"], ids=lambda panel: panel["title"]
)
def test_every_value_of_a_table_has_a_title_a_unit_and_is_sorted_by_one_of_them(
    panel: Mapping[str, Any],
) -> None:
    [arrange] = [item["options"] for item in panel["transformations"] if item["id"] == "organize"]
    titles = arrange["renameByName"]
    # Grafana calls the value of a table's only query Value, those of several Value #A, Value #B, ...
    references = [target["refId"] for target in panel["targets"]]
    values = [f"Value #{reference}" for reference in references] if len(references) > 1 else ["Value"]
    units = {
        override["matcher"]["options"]: {item["id"]: item["value"] for item in override["properties"]}["unit"]
        for override in panel["fieldConfig"]["overrides"]
    }

    assert sorted(titles[value] for value in values) == sorted(units)
    assert all(units.values())
    assert list(range(len(titles))) == [arrange["indexByName"][name] for name in titles_in_order(arrange)]
    assert all(item["displayName"] in titles.values() for item in panel["options"]["sortBy"])


def titles_in_order(arrange: Mapping[str, Any]) -> list[str]:
    return sorted(arrange["renameByName"], key=arrange["indexByName"].__getitem__)


def test_no_two_panels_overlap() -> None:
    overlapping = [
        (one["title"], other["title"])
        for one, other in itertools.combinations(DASHBOARD["panels"], 2)
        if cells(one["gridPos"]) & cells(other["gridPos"])
    ]
    assert not overlapping


@EVERY_PANEL
def test_a_panel_stays_on_the_grid(panel: Mapping[str, Any]) -> None:
    place = panel["gridPos"]
    assert place["h"] > 0
    assert place["w"] > 0
    assert place["x"] + place["w"] <= GRID_WIDTH


def cells(place: Mapping[str, int]) -> set[tuple[int, int]]:
    columns = range(place["x"], place["x"] + place["w"])
    lines = range(place["y"], place["y"] + place["h"])
    return set(itertools.product(columns, lines))


def test_the_variables_also_hold_for_a_project_without_a_name() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    expected = ["datasource", "project", "graph"]
    assert expected == list(variables)
    for name in ("project", "graph"):
        assert variables[name]["allValue"] == ".*"
        assert variables[name]["current"]["value"] == ["$__all"]
        assert variables[name]["includeAll"]
        assert variables[name]["multi"]


def test_variables_are_only_used_where_any_name_is_safe() -> None:
    # In quotes, a quotation mark or a backslash in a graph's name would end or break the query.
    for panel in PANELS:
        for target in panel["targets"]:
            safe = re.sub(r"=~`\|?\$\{(project|graph):regex\}`", "", target["expr"])
            assert "$" not in safe.replace("[$__rate_interval]", "")


def test_no_variable_is_left_in_the_queries_for_prometheus() -> None:
    expressions = [expression for _, expression in queries(DASHBOARD)]
    assert len(expressions) >= len(PANELS)
    assert not [expression for expression in expressions if "$" in expression]


def test_no_query_tells_apart_two_exporters_on_one_project() -> None:
    aggregated = re.compile(
        r"(?:\b(?:sum|min|max|count)(?: by \([\w, ]+\))? ?\()(?:(?:rate|last_over_time)\()?\b(ges_\w+)"
    )
    for title, expression in queries(DASHBOARD):
        assert re.findall(r"\bges_\w+", expression) == aggregated.findall(expression), title
