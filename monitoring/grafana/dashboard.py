"""Writes the Grafana dashboard: python -m monitoring.grafana.dashboard."""

from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from monitoring.grafana import queries
from monitoring.grafana.backups_over_time import COUNTS, SIZES_AND_DURATIONS
from monitoring.grafana.can_be_restored import CAN_BE_RESTORED
from monitoring.grafana.exporter_itself import EXPORTER
from monitoring.grafana.panels import DATA_SOURCE, Panel

OUTPUT: Final = Path(__file__).with_name("ges-backups.json")

ROWS: dict[str, list[Panel]] = {
    "Can every graph be restored?": CAN_BE_RESTORED,
    "Sizes and durations": SIZES_AND_DURATIONS,
    "Counts": COUNTS,
    "The exporter itself": EXPORTER,
}


def label_variable(name: str, label: str, query: str) -> builder.QueryVariable:
    """A choice of label values. All of them is `.*`, which also matches series without the label."""
    return (
        builder.QueryVariable(name)
        .label(label)
        .datasource(DATA_SOURCE)
        .query({"qryType": 1, "query": query, "refId": name})
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def build() -> model.Dashboard:
    """The whole dashboard."""
    board = (
        builder.Dashboard("GES backups")
        .uid("ges-backups")
        .description("Whether the graphs of Huawei Cloud GES can be restored from their backups.")
        .tags(["ges-exporter"])
        .timezone("browser")
        .time("now-24h", "now")
        .refresh("1m")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(builder.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(label_variable("project", "Project", "label_values(ges_up, project)"))
        .with_variable(
            label_variable("graph", "Graph", f"label_values(ges_graph_info{{{queries.PROJECT}}}, graph_name)")
        )
    )
    for title, panels in ROWS.items():
        board.with_row(builder.Row(title))
        for panel in panels:
            board.with_panel(panel)
    built = board.build()
    for number, panel_or_row in enumerate(built.panels or [], start=1):
        panel_or_row.id_val = number
    return built


def render() -> str:
    """The dashboard as the text of its JSON file."""
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(build()) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(render(), encoding="utf-8")
