"""What promtool has to say of the metrics."""

import subprocess

import pytest

from ges_exporter.config_auth import StaticTokenAuth
from ges_exporter.demo.accounts import PROJECT_ID
from ges_exporter.demo.cloud import MadeUpCloud
from ges_exporter.exposition import expose
from ges_exporter.metrics import project_families
from ges_exporter.scrape import Scraper
from ges_exporter.secret import Secret
from ges_exporter.telemetry import Telemetry
from tests.demo_client import token_of
from tests.integration.tools import tool
from tests.projects import project, samples, scraper_of

pytestmark = pytest.mark.tools


def test_check_metrics_finds_nothing_but_megabytes_and_camel_case() -> None:
    telemetry = Telemetry()
    telemetry.request("list_backups", "200", 0.1)
    telemetry.reloaded(successful=True, now=1.0)
    with MadeUpCloud() as cloud:
        auth = StaticTokenAuth(Secret(token_of(cloud, PROJECT_ID)))
        scraper: Scraper = scraper_of(project(cloud.url, auth=auth, list_graphs=True, list_quotas=True))
        body, _ = expose([*project_families(scraper.collect(20)), *telemetry.families()])
    assert len(samples(body.decode())) > 100
    checked = subprocess.run([tool("promtool"), "check", "metrics"], input=body, capture_output=True, check=False)
    findings = checked.stderr.decode().splitlines()
    expected = ('use base unit "bytes" instead of "megabytes"', "label names should be written in 'snake_case'")
    assert [line for line in findings if not any(words in line for words in expected)] == []
    assert findings
