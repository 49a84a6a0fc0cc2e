"""What many tests need: a project of a made-up cloud, a scraper of it, a record, and what an exposition says."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from ges_exporter.backups import Backup
from ges_exporter.clock import SYSTEM_CLOCK, Clock
from ges_exporter.config import Config, Project, Scrape
from ges_exporter.config_auth import StaticTokenAuth
from ges_exporter.coverage import Expectation
from ges_exporter.demo.accounts import PROJECT_ID
from ges_exporter.exposition import expose
from ges_exporter.metrics import project_families
from ges_exporter.scrape import Scraper
from ges_exporter.secret import Secret
from ges_exporter.summary import Snapshot
from ges_exporter.telemetry import Telemetry

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def project(endpoint: str, **changes: Any) -> Project:
    """A project with a static token, without name, list of graphs and quotas, unless said otherwise."""
    plain = Project(
        project_id=PROJECT_ID,
        name=None,
        endpoint=endpoint,
        iam_endpoint=endpoint,
        api_version="v1.0",
        list_graphs=False,
        list_quotas=False,
        ca_file=None,
        auth=StaticTokenAuth(Secret("static-token")),
    )
    return replace(plain, **changes)


def scraper_of(
    *projects: Project,
    scrape: Scrape | None = None,
    expectations: tuple[Expectation, ...] | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Scraper:
    return Scraper(Config(scrape or Scrape(), expectations, projects), Telemetry(), clock=clock)


def backup(identity: str = "b1", **changes: Any) -> Backup:
    """A successful automatic backup that took a minute."""
    fields: dict[str, Any] = {
        "id": identity,
        "graph_id": "g1",
        "graph_name": "orders",
        "method": "auto",
        "arch": "x86_64",
        "status": "success",
        "start": 1000.0,
        "end": 1060.0,
        "size": 5.0,
        "duration": 60.0,
        "encrypted": False,
        "graph_status": "200",
        "graph_size_type_index": "1",
        "data_store_version": "2.2.21",
    }
    return Backup(**{**fields, **changes})


def wire_backup(identity: str = "b1", **changes: Any) -> dict[str, Any]:
    """A record as v1.0 writes it."""
    fields: dict[str, Any] = {
        "id": identity,
        "backupMethod": "auto",
        "graphId": "g1",
        "graph_name": "orders",
        "graphStatus": "200",
        "graphSizeTypeIndex": "1",
        "dataStoreVersion": "2.2.21",
        "arch": "x86_64",
        "status": "success",
        "startTimestamp": 1_000_000,
        "endTimestamp": 1_060_000,
        "size": 5,
        "duration": 60,
        "encrypted": False,
    }
    return {**fields, **changes}


def exposition(snapshots: Sequence[Snapshot]) -> str:
    return expose(project_families(snapshots))[0].decode()


def samples(text: str) -> Samples:
    """Every sample of an exposition; fails where a series is there twice."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


def value(text: str, name: str, **labels: str) -> float | None:
    """The value of the one series with these labels among its own; None where there is none."""
    found = [v for (n, own), v in samples(text).items() if n == name and labels.items() <= dict(own).items()]
    assert len(found) < 2, f"{len(found)} series of {name} have {labels}"
    return found[0] if found else None
