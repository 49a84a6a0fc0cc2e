"""Write docs/metrics.md from the tables of the code, so that the two cannot differ."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ges_exporter import metrics
from ges_exporter.telemetry import Telemetry

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"

_INTRODUCTION = """\
# Metrics

This page is made from the code by `make docs`; a test fails where the two differ.

All are gauges unless said. Labels carry the API's own field names. A project that has a `name` in the config adds the
label `project` to all its series; one without adds nothing. A series is absent where its value is unknown: unknown is
never 0. A project that could not be listed in time has `ges_up` 0 and none of its series of backups and graphs.

MB is what the API reports. Nobody documents whether that is 10^6 or 2^20 bytes, so nothing is converted.
"""

_OF_THE_PROCESS = """
Besides these there are the usual `process_*` and `python_info` of the Prometheus client library. `--once` writes
nothing of the exporter itself.
"""


def page() -> str:
    """Return the whole page."""
    sections = [
        _section(
            "Per group of backups",
            "A group is one combination of graph name, method and architecture. The figures are of the backups in the "
            "listing: what has been rotated away is in none.",
            metrics.GROUP_GAUGES,
            metrics.GROUP_LABELS,
        ),
        _section(
            "Per graph",
            "Of the graphs in the list of graphs and of those known only from backups.",
            metrics.GRAPH_GAUGES,
            metrics.GRAPH_LABELS,
            _row(metrics.GRAPH_INFO.name, metrics.GRAPH_INFO_LABELS, metrics.GRAPH_INFO.help),
        ),
        _section("Per project", "", metrics.PROJECT_GAUGES, (), _status_row()),
        "\n".join(["## Of the exporter itself", "", *_HEAD, *_own_rows(), _OF_THE_PROCESS]),
    ]
    return "\n".join([_INTRODUCTION, *sections])


_HEAD = ("| metric | labels | what it says |", "|---|---|---|")


def _section(title: str, words: str, gauges: Sequence[metrics.Gauge[Any]], labels: Sequence[str], *first: str) -> str:
    rows = [_row(gauge.name, labels, gauge.help) for gauge in gauges]
    return "\n".join([f"## {title}", "", *([words, ""] if words else []), *_HEAD, *first, *rows, ""])


def _status_row() -> str:
    return _row(metrics.GRAPHS_BY_STATUS.name, ("graphStatus",), metrics.GRAPHS_BY_STATUS.help)


def _own_rows() -> Iterator[str]:
    labels = {
        "ges_exporter_build_info": ("version", "python_version"),
        "ges_exporter_api_requests": ("operation", "code"),
        "ges_exporter_api_request_duration_seconds": ("operation",),
    }
    for family in Telemetry().families():
        if family.name.startswith("ges_"):
            name = family.name + ("_total" if family.type == "counter" else "")
            kind = "" if family.type == "gauge" else f" ({family.type})"
            yield _row(name, labels.get(family.name, ()), family.documentation + kind)


def _row(name: str, labels: Sequence[str], words: str) -> str:
    return f"| `{name}` | {', '.join(f'`{label}`' for label in labels)} | {words} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(Path.cwd())}")
