import threading

import pytest

from ges_exporter.config import Config, Scrape
from ges_exporter.config_auth import PasswordAuth
from ges_exporter.demo.accounts import DEMO_USER
from ges_exporter.demo.cloud import MadeUpCloud
from ges_exporter.metrics import project_families
from ges_exporter.scrape import LISTING_THREADS, REQUEST_THREADS, Scraper, budget
from ges_exporter.secret import Secret
from ges_exporter.telemetry import Telemetry
from tests.projects import project

PASSWORD = PasswordAuth(DEMO_USER.domain, DEMO_USER.name, Secret(DEMO_USER.password))


class TestBudget:
    """Prometheus's timeout less half a second, less the last rendering, and never above the config's."""

    @pytest.mark.parametrize(
        ("header", "rendering", "most", "expected"),
        [
            ("10", 0.0, 25.0, 9.5),
            ("10", 0.25, 25.0, 9.25),
            ("60", 0.0, 25.0, 25.0),
            ("0.8", 0.0, 25.0, 0.4),
            ("1", 0.0, 25.0, 0.5),
            ("inf", 0.0, 25.0, 25.0),
        ],
    )
    def test_a_header_is_honoured(self, header: str, rendering: float, most: float, expected: float) -> None:
        assert budget(header, rendering, most) == pytest.approx(expected)

    @pytest.mark.parametrize("header", [None, "", "NaN", "0", "-5", "soon"])
    def test_a_header_that_says_nothing_leaves_the_config(self, header: str | None) -> None:
        assert budget(header, 0.0, 25.0) == 25.0

    def test_a_slow_rendering_leaves_some_time(self) -> None:
        assert budget("10", 30.0, 25.0) == pytest.approx(1.0)


def test_both_versions_of_the_api_give_the_same_metrics() -> None:
    with MadeUpCloud(clock=lambda: 1_795_000_000.0) as cloud:
        series = [_series(cloud, version) for version in ("v1.0", "v2")]
    # Only v2 knows the product type, and what follows from it.
    telling = [{key: value for key, value in each.items() if "telemetry" not in key[1]} for each in series]
    assert telling[0] == telling[1]
    assert len(telling[0]) > 200


def test_two_hundred_projects_share_a_bounded_number_of_threads() -> None:
    ids = tuple(f"{number:032x}" for number in range(200))
    most = 0

    def count(_: str, __: float) -> list[dict[str, object]]:
        nonlocal most
        most = max(most, threading.active_count())
        return []

    with MadeUpCloud(projects=ids, backups=count, graphs=count) as cloud:
        before = threading.active_count()
        projects = tuple(
            project(cloud.url, name=f"p{number}", project_id=each, list_graphs=True, auth=PASSWORD)
            for number, each in enumerate(ids)
        )
        # Not the pace is what is looked at here.
        scraper = Scraper(Config(Scrape(max_requests_per_second=10_000), None, projects), Telemetry())
        snapshots = scraper.collect(60)
    assert [snapshot.error for snapshot in snapshots] == [None] * 200
    assert before < most <= before + LISTING_THREADS + REQUEST_THREADS


def _series(cloud: MadeUpCloud, version: str) -> dict[tuple[str, str], float]:
    scraper = Scraper(
        Config(Scrape(), None, (project(cloud.url, api_version=version, list_graphs=True, auth=PASSWORD),)), Telemetry()
    )
    families = project_families(scraper.collect(30))
    own = {"ges_scrape_duration_seconds", "ges_scrape_budget_seconds", "ges_listing_timestamp_seconds"}
    return {
        (sample.name, str({key: value for key, value in sorted(sample.labels.items()) if key != "productType"})): value
        for family in families
        if family.name not in own | {"ges_exporter_token_expiry_timestamp_seconds"}
        for sample in family.samples
        for value in [sample.value]
    }
