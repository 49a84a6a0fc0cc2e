"""The vendor's own sample answer, and every byte that is exposed of it."""

from pathlib import Path

import pytest
import requests_mock

from ges_exporter.clock import Clock
from ges_exporter.demo.accounts import PROJECT_ID
from tests.projects import exposition, project, samples, scraper_of

DATA = Path(__file__).with_name("data")
ENDPOINT = "https://ges.example.com"
STANDING = Clock(monotonic=lambda: 100.0, wall=lambda: 1_790_000_000.0)


@pytest.fixture
def text(requests_mock: requests_mock.Mocker) -> str:
    answer = (DATA / "sample.json").read_bytes()
    requests_mock.get(f"{ENDPOINT}/v1.0/{PROJECT_ID}/graphs/backups", content=answer)
    scraper = scraper_of(project(ENDPOINT), clock=STANDING)
    return exposition(scraper.collect(24.5))


def test_the_sample_answer_is_exposed_byte_for_byte(text: str) -> None:
    # The clock stands: all that belongs to time is 0 or what the test gave.
    assert (DATA / "sample.prom").read_bytes() == text.encode()


def test_no_series_is_there_twice(text: str) -> None:
    assert len([line for line in text.splitlines() if not line.startswith("#")]) == len(samples(text))
