"""docs/metrics.md and what is really emitted: each names what the other does, and no more."""

import re
from pathlib import Path
from typing import Any

from ges_exporter.metrics import GRAPH_GAUGES, GRAPH_INFO, GRAPHS_BY_STATUS, GROUP_GAUGES, PROJECT_GAUGES, Gauge
from ges_exporter.telemetry import Telemetry

PAGE = Path(__file__).resolve().parents[1] / "docs" / "metrics.md"
_LINE = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)
_OF_THE_LIBRARY = re.compile(r"process_|python_")


def emitted() -> set[str]:
    tables: tuple[Gauge[Any], ...] = (*GROUP_GAUGES, GRAPH_INFO, *GRAPH_GAUGES, GRAPHS_BY_STATUS, *PROJECT_GAUGES)
    own = (
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in Telemetry().families()
        if not _OF_THE_LIBRARY.match(family.name)
    )
    return {*(gauge.name for gauge in tables), *own}


def test_the_page_lists_exactly_what_is_emitted() -> None:
    found = _LINE.findall(PAGE.read_text(encoding="utf-8"))
    documented = [name for name in found if not _OF_THE_LIBRARY.match(name)]
    assert sorted(emitted()) == sorted(documented)
