"""The queries of the Grafana dashboard, in a form that Prometheus understands."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DASHBOARD_FILE = Path(__file__).parent.parent / "monitoring/grafana/ges-backups.json"

# What Grafana puts in the place of its variables when all projects and all graphs are chosen.
ALL_CHOSEN = {"${project:regex}": ".*", "${graph:regex}": ".*", "$__rate_interval": "5m"}


def read_dashboard() -> dict[str, Any]:
    """The dashboard as it is committed."""
    dashboard: dict[str, Any] = json.loads(DASHBOARD_FILE.read_text(encoding="utf-8"))
    return dashboard


def panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every panel that is not a row, those inside of rows too."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels") or ()
        else:
            yield panel


def queries(dashboard: Mapping[str, Any], variables: Mapping[str, str] = ALL_CHOSEN) -> list[tuple[str, str]]:
    """Every query as (title of its panel, expression without variables)."""
    return [
        (panel["title"], _replaced(target["expr"], variables))
        for panel in panels(dashboard)
        for target in panel["targets"]
    ]


def query_of(title: str, variables: Mapping[str, str] = ALL_CHOSEN) -> str:
    """The only query of the committed dashboard's panel of this title."""
    [expression] = [query for panel, query in queries(read_dashboard(), variables) if panel == title]
    return expression


def _replaced(expression: str, variables: Mapping[str, str]) -> str:
    for variable, value in variables.items():
        expression = expression.replace(variable, value)
    return expression
