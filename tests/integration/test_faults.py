"""What the exporter does while the cloud misbehaves, over real sockets; the promises stand in docs/reliability.md."""

import gc
import json
import logging
import os
import random
import resource
import socket
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from prometheus_client.parser import text_string_to_metric_families

from ges_exporter.clock import SYSTEM_CLOCK, Clock
from ges_exporter.config import Config, Project, Scrape
from ges_exporter.config_auth import PasswordAuth
from ges_exporter.demo.accounts import DOMAIN, PASSWORD, PROJECT_ID, USERNAME
from ges_exporter.demo.cloud import MadeUpCloud
from ges_exporter.exposition import expose
from ges_exporter.metrics import project_families
from ges_exporter.scrape import LISTING_THREADS, REQUEST_THREADS, Scraper
from ges_exporter.secret import Secret, SecretFile
from ges_exporter.summary import Snapshot
from ges_exporter.telemetry import Telemetry
from ges_exporter.web import SCRAPE_THREADS, Exporter, make_app
from tests.integration.faulty_cloud import (
    BACKUPS,
    GRAPHS,
    TOKEN,
    Ask,
    FaultyCloud,
    Reply,
    Script,
    answer,
    drip,
    flood,
    page,
    record,
    reset,
    silence,
    then_close,
)

SLACK = 0.5  # seconds after the budget in which the answer has to be there
PLENTY = 10.0  # a budget for scrapes that should need no more than a moment
MEGABYTE = 1024 * 1024
TIMINGS = {"ges_scrape_duration_seconds", "ges_scrape_budget_seconds", "ges_listing_timestamp_seconds"}

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]

GROUP = {"project": "faulty", "graph_name": "orders", "backupMethod": "auto", "arch": "x86_64"}
HURRIED = Clock(sleep=lambda _: None)  # retries at once: how long they wait is tested by what they ask to sleep


@pytest.fixture(scope="module")
def steady() -> Iterator[MadeUpCloud]:
    """The cloud of the other project: healthy, and its data stand still."""
    now = time.time()
    with MadeUpCloud(clock=lambda: now) as cloud:
        yield cloud


@pytest.fixture
def cloud() -> Iterator[FaultyCloud]:
    with FaultyCloud() as faulty:
        yield faulty


def project(name: str, url: str, password: Secret | None = None, *, graphs: bool = True) -> Project:
    return Project(
        project_id=PROJECT_ID,
        name=name,
        endpoint=url,
        iam_endpoint=url,
        api_version="v1.0",
        list_graphs=graphs,
        list_quotas=False,
        ca_file=None,
        auth=PasswordAuth(DOMAIN, USERNAME, password or Secret(PASSWORD)),
    )


def config(*projects: Project, **scrape: Any) -> Config:
    settings = {"page_size": 10, "concurrency": 4, "max_requests_per_second": 10_000, **scrape}
    return Config(Scrape(**settings), None, projects)


def scraper_of(
    cloud: FaultyCloud, *others: Project, clock: Clock = SYSTEM_CLOCK, telemetry: Telemetry | None = None, **scrape: Any
) -> Scraper:
    return Scraper(config(project("faulty", cloud.url), *others, **scrape), telemetry or Telemetry(), clock=clock)


def series_of(snapshots: Sequence[Snapshot]) -> Series:
    """Return what a scrape exposes, read back from its text; no series may be there twice."""
    return read_series(expose(project_families(snapshots))[0].decode())


def read_series(text: str) -> Series:
    found: Series = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def scrape(scraper: Scraper, seconds: float = PLENTY) -> Series:
    """Scrape every project within the time, and fail where that is exceeded."""
    begun = time.monotonic()
    snapshots = scraper.collect(seconds)
    assert time.monotonic() - begun < seconds + SLACK
    return series_of(snapshots)


def value(series: Series, name: str, project: str = "faulty") -> float | None:
    """Return the value of a project's metric that has no other label."""
    return series.get((name, frozenset({("project", project)})))


def only(series: Series, project: str) -> Series:
    """Return the series of one project, without those that tell of time."""
    return {key: number for key, number in series.items() if ("project", project) in key[1] and key[0] not in TIMINGS}


def assert_blind(series: Series) -> None:
    """The project is down, and nothing is left that could be taken for a backup or a graph."""
    assert value(series, "ges_up") == 0
    allowed = {
        "ges_up",
        "ges_graphs_up",
        "ges_exporter_token_expiry_timestamp_seconds",
    }
    assert {name for name, _ in only(series, "faulty")} <= allowed
    assert value(series, "ges_listing_timestamp_seconds") is None


def requests_counted(telemetry: Telemetry, operation: str) -> dict[str, float]:
    """Return ges_exporter_api_requests_total of an operation, by code."""
    return {
        sample.labels["code"]: sample.value
        for family in telemetry.families()
        for sample in family.samples
        if sample.name == "ges_exporter_api_requests_total" and sample.labels["operation"] == operation
    }


def of(operation: str, reply: Reply) -> Script:
    """Answer one operation so; the others are healthy."""
    return lambda ask: reply if ask.operation == operation else None


def pages(reply: Callable[[Ask], Reply | None]) -> Script:
    """Answer the list of backups as asked for; the others are healthy."""
    return lambda ask: reply(ask) if ask.operation == BACKUPS else None


@dataclass(frozen=True)
class Row:
    """One misbehaviour of the cloud.

    Attributes:
        name: what the cloud does.
        script: how it does it.
        code: how each try is counted.
        tries: how often the call is tried.
        says: a part of what the landing page and the log say of it.
        seconds: the budget; short where the fault uses it up.
        operation: the call it happens to.
    """

    name: str
    script: Script
    code: str
    tries: int
    says: str
    seconds: float = PLENTY
    operation: str = BACKUPS


def body(name: str, text: bytes | str, says: str, code: str = "malformed") -> Row:
    return Row(name, of(BACKUPS, answer(text)), code, 1, says)


def status(number: int, tries: int, operation: str = BACKUPS) -> Row:
    reply = answer('{"error_code": "GES.0001", "error_msg": "made up"}', number)
    return Row(f"{operation} {number}", of(operation, reply), str(number), tries, f"HTTP {number}", operation=operation)


OK_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
HEALTHY = page([record(0)], 1)
DEEP = '{"backupCount": 1, "backupList": ' + "[" * 100_000 + "]" * 100_000 + "}"

TIMEOUTS = [
    Row("drips in the headers", of(BACKUPS, drip(OK_HEAD + b"X-Drip: ", b"x")), "timeout", 1, "time", 1),
    Row("drips header lines", of(BACKUPS, drip(OK_HEAD, b"X: y\r\n", 0.1)), "timeout", 1, "time", 1),
    Row(
        "drips in the body",
        of(BACKUPS, drip(OK_HEAD + b"Content-Length: 100000\r\n\r\n{", b" ")),
        "timeout",
        1,
        "time",
        1,
    ),
    Row(
        "drips in the size of a chunk",
        of(BACKUPS, drip(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x")),
        "timeout",
        1,
        "time",
        1,
    ),
    Row("drips 100 Continue", of(BACKUPS, drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n")), "timeout", 1, "time", 1),
    Row("drips the token", of(TOKEN, drip(OK_HEAD, b"x")), "timeout", 1, "time", 1, TOKEN),
    Row("never answers", of(BACKUPS, silence), "timeout", 1, "time", 1),
    Row("never answers a login", of(TOKEN, silence), "timeout", 1, "time", 1, TOKEN),
    Row(
        "says the body is longer, and waits",
        of(BACKUPS, flood(answer("{}", length=9), b"", 0)),
        "timeout",
        1,
        "time",
        1,
    ),
]

CUTS = [
    Row("resets", of(BACKUPS, reset), "connection", 3, "reset"),
    Row("resets a login", of(TOKEN, reset), "connection", 3, "reset", operation=TOKEN),
    Row("closes without an answer", of(BACKUPS, then_close(b"")), "connection", 3, "closed"),
    Row("cuts the headers", of(BACKUPS, then_close(OK_HEAD[:20])), "malformed", 1, "not JSON"),
    Row("cuts the body", of(BACKUPS, then_close(HEALTHY[:-5])), "connection", 3, "the body was cut"),
    Row(
        "cuts a chunk",
        of(BACKUPS, then_close(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{")),
        "connection",
        3,
        "the body was cut",
    ),
    Row("does not speak HTTP", of(BACKUPS, then_close(b"SSH-2.0-made-up\r\n\r\n")), "connection", 3, "not HTTP"),
    Row(
        "says the body is shorter",
        of(BACKUPS, answer('{"backupCount": 0, "backupList": []}', length=9)),
        "malformed",
        1,
        "not JSON",
    ),
    Row(
        "says gzip and sends none",
        of(BACKUPS, answer("{}", headers={"Content-Encoding": "gzip"})),
        "malformed",
        1,
        "encoding",
    ),
]

LIES = [
    body("HTML", "<html><body>Sign in</body></html>", "HTML"),
    body("no body", "", "not JSON"),
    body("an empty object", "{}", "no backupCount"),
    body("a list", "[]", "not an object"),
    body("null", "null", "not an object"),
    body("a text", '"backups"', "not an object"),
    body("cut JSON", '{"backupCount": 1, "backupList": [', "not JSON"),
    body("invalid UTF-8", b'{"backupCount": 1, "backupList": [], "x": "\xff"}', "not UTF-8"),
    body("invalid UTF-8 at the end", b'{"backupCount": 0, "backupList": [], "x": "\xc3', "not UTF-8"),
    body("nested 100,000 deep", DEEP, "nested too deep"),
    body("a list nested 100,000 deep", "[" * 100_000, ""),
    body("NaN", '{"backupCount": NaN, "backupList": []}', "not JSON"),
    body("a count of 400 digits", f'{{"backupCount": {"9" * 400}, "backupList": []}}', "not a count"),
    body("a count of 400 digits in quotes", f'{{"backupCount": "{"9" * 400}", "backupList": []}}', "not a count"),
    body("a negative count", '{"backupCount": -1, "backupList": []}', "not a count"),
    body("a count of half a backup", '{"backupCount": 0.5, "backupList": []}', "not a count"),
    body("a count that is null", '{"backupCount": null, "backupList": []}', "not a count"),
    body("a count without a list", '{"backupCount": 1}', "no backupList"),
    body("a list that is an object", '{"backupCount": 1, "backupList": {}}', "not a list"),
    body("an empty list with a count", '{"backupCount": 7, "backupList": []}', "the list is empty", "200"),
    body("error of GES v1", '{"errorCode": "GES.7006", "errorMessage": "made up"}', "GES.7006", "200"),
    body("error of GES v2", '{"error_code": "GES.0047", "error_msg": "made up"}', "GES.0047", "200"),
    body("error of the gateway", '{"error_code": "APIGW.0301", "error_msg": "x", "request_id": "y"}', "APIGW", "200"),
    body("error of IAM", '{"error": {"code": 401, "message": "x", "title": "Unauthorized"}}', "401", "200"),
    body("an error beside a list", '{"errorCode": "GES.1", "backupCount": 0, "backupList": []}', "GES.1", "200"),
    Row("redirect", of(BACKUPS, answer("", 302, headers={"Location": "/"})), "302", 1, "not followed"),
]

STATUSES = [
    *(status(number, 1) for number in (400, 403, 404)),
    *(status(number, 3) for number in (408, 429, 500, 502, 503, 504)),
    *(status(number, 1, TOKEN) for number in (400, 401, 403, 404)),
    *(status(number, 3, TOKEN) for number in (429, 500, 503)),
]
RESTING = {"create_token 401", "create_token 403"}  # what comes after these is tested apart


class TestMatrix:
    @pytest.mark.parametrize("row", [*TIMEOUTS, *CUTS, *LIES, *STATUSES], ids=lambda row: row.name)
    def test_a_fault_blinds_one_project_for_one_scrape(self, row: Row, cloud: FaultyCloud, steady: MadeUpCloud) -> None:
        telemetry = Telemetry()
        clock = SYSTEM_CLOCK if row in TIMEOUTS else HURRIED
        # without the list of graphs where the login fails: each list would ask for a token
        faulty = project("faulty", cloud.url, graphs=row.operation != TOKEN)
        scraper = Scraper(config(faulty, project("steady", steady.url)), telemetry, clock=clock)
        untouched = only(series_of(scraper.collect(PLENTY, scraper.targets[1:])), "steady")
        expected = Counter(requests_counted(telemetry, row.operation))
        if row.operation == BACKUPS:  # the steady project will list again, with the token it has
            expected += expected
        expected[row.code] += row.tries

        cloud.script = row.script
        series = scrape(scraper, row.seconds)

        assert_blind(series)
        assert only(series, "steady") == untouched
        last = scraper.targets[0].last
        assert last is not None
        assert row.says in str(last.error)
        assert len(cloud.asks(row.operation)) == row.tries
        assert requests_counted(telemetry, row.operation) == expected
        if row.name not in RESTING:
            assert_recovered(cloud, scraper)

    def test_a_refused_connection_is_tried_three_times(self, cloud: FaultyCloud, steady: MadeUpCloud) -> None:
        telemetry = Telemetry()
        scraper = scraper_of(cloud, project("steady", steady.url), clock=HURRIED, telemetry=telemetry)
        cloud.refuse_connections()
        series = scrape(scraper)
        assert_blind(series)
        assert value(series, "ges_up", "steady") == 1
        # The lists of graphs and of backups both want a token: whichever waits for the other's login shares its
        # failure; one that came after its end has tried for itself.
        assert requests_counted(telemetry, TOKEN) in ({"201": 1, "connection": 3}, {"201": 1, "connection": 6})
        cloud.listen()
        assert_recovered(cloud, scraper)

    def test_a_name_server_that_never_answers_holds_up_nobody(
        self, steady: MadeUpCloud, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answered = threading.Event()
        really = socket.getaddrinfo

        def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
            if host == "ges.invalid":
                answered.wait()
                raise socket.gaierror(socket.EAI_AGAIN, "made up")
            return really(host, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        projects = (project("faulty", "http://ges.invalid"), project("steady", steady.url))
        scraper = Scraper(config(*projects), Telemetry())
        series = scrape(scraper, 1)
        answered.set()
        assert_blind(series)
        assert value(series, "ges_up", "steady") == 1
        join_threads()


def assert_recovered(cloud: FaultyCloud, scraper: Scraper) -> None:
    """The next scrape is as good as one of a new exporter."""
    cloud.heal()
    series = scrape(scraper)
    assert value(series, "ges_up") == 1
    assert value(series, "ges_graphs_up") in {1, None}
    assert value(series, "ges_listing_complete") == 1
    assert value(series, "ges_backups_reported") == 25
    assert series["ges_backups", frozenset(GROUP.items())] == 25


def join_threads() -> None:
    """Wait until the exporter's own threads have ended; fail where they do not."""
    for thread in threading.enumerate():
        if thread.name in {"listing", "request", "scrape"}:
            thread.join(5)
            assert not thread.is_alive()


class Sleeps(list[float]):
    """What was asked to sleep, without sleeping."""

    def clock(self) -> Clock:
        return Clock(sleep=self.append)


class TestRetries:
    def test_a_rejected_token_is_renewed_once(self, cloud: FaultyCloud) -> None:
        scraper = Scraper(config(project("faulty", cloud.url, graphs=False)), Telemetry())
        cloud.script = of(BACKUPS, answer("", 401))
        assert_blind(scrape(scraper))
        assert [ask.operation for ask in cloud.asks()] == [TOKEN, BACKUPS, TOKEN, BACKUPS]

    def test_a_token_that_died_early_costs_no_scrape(self, cloud: FaultyCloud) -> None:
        cloud.script = pages(lambda ask: answer("", 401) if ask.headers["x-auth-token"] == "made-up-token-0" else None)
        assert value(scrape(scraper_of(cloud)), "ges_up") == 1

    def test_what_works_at_the_third_try_is_served(self, cloud: FaultyCloud) -> None:
        cloud.script = pages(lambda ask: (reset, answer("", 503), None)[min(ask.nth, 2)])
        assert value(scrape(scraper_of(cloud, clock=HURRIED)), "ges_up") == 1

    def test_retries_wait_longer_each_time(self, cloud: FaultyCloud) -> None:
        sleeps = Sleeps()
        cloud.script = of(BACKUPS, answer("", 503))
        scrape(scraper_of(cloud, clock=sleeps.clock()))
        first, second = sleeps
        assert 0.1 <= first <= 0.3
        assert 0.2 <= second <= 0.4

    def test_retry_after_is_honoured_where_it_fits(self, cloud: FaultyCloud) -> None:
        sleeps = Sleeps()
        cloud.script = of(BACKUPS, answer("", 429, headers={"Retry-After": "3"}))
        scrape(scraper_of(cloud, clock=sleeps.clock()))
        assert sleeps == [3.0, 3.0]

    @pytest.mark.parametrize("asked", ["60", "9" * 400])
    def test_retry_after_beyond_the_deadline_is_final_at_once(self, asked: str, cloud: FaultyCloud) -> None:
        sleeps = Sleeps()
        cloud.script = of(BACKUPS, answer("", 429, headers={"Retry-After": asked}))
        assert_blind(scrape(scraper_of(cloud, clock=sleeps.clock())))
        assert sleeps == []
        assert len(cloud.asks(BACKUPS)) == 1

    def test_retries_end_with_the_budget(self, cloud: FaultyCloud) -> None:
        cloud.script = of(BACKUPS, answer("", 503))
        assert_blind(scrape(scraper_of(cloud), 0.05))
        assert len(cloud.asks(BACKUPS)) == 1


def first_of(count: int) -> Callable[[Ask], Reply]:
    """Ten records of each page, new ones at each offset, of a list that says it has so many."""
    return lambda ask: page([record(ask.offset + number) for number in range(10)], count)


class TestLists:
    def test_pages_that_only_repeat_themselves_are_a_failure(self, cloud: FaultyCloud) -> None:
        scraper = scraper_of(cloud)
        cloud.script = of(BACKUPS, page([record(number) for number in range(10)], 100))
        assert_blind(scrape(scraper))
        assert "only repeats known ids" in str(scraper.targets[0].last and scraper.targets[0].last.error)
        assert_recovered(cloud, scraper)

    @pytest.mark.parametrize("count", [20, 30])
    def test_a_count_that_disagrees_is_taken_three_times_and_served(self, count: int, cloud: FaultyCloud) -> None:
        cloud.script = pages(lambda ask: page([record(n) for n in range(ask.offset, min(ask.offset + 10, 25))], count))
        series = scrape(scraper_of(cloud))
        assert value(series, "ges_up") == 1
        assert value(series, "ges_listing_complete") == 0
        assert value(series, "ges_backups_reported") == count
        assert series["ges_backups", frozenset(GROUP.items())] == 25
        assert len([ask for ask in cloud.asks(BACKUPS) if ask.offset == 0]) == 3

    def test_a_count_that_grows_for_ever_ends_with_the_budget(self, cloud: FaultyCloud) -> None:
        scraper = scraper_of(cloud)
        cloud.script = pages(lambda ask: first_of(ask.offset + 20)(ask))
        assert_blind(scrape(scraper, 1))
        assert_recovered(cloud, scraper)

    @pytest.mark.parametrize("change", [-1, 1])
    def test_a_backup_that_comes_or_goes_between_two_pages_is_seen(self, change: int, cloud: FaultyCloud) -> None:
        def change_after_the_first_page(ask: Ask) -> Reply:
            count = 25 + (change if ask.nth else 0)
            return page([record(n) for n in range(ask.offset, min(ask.offset + 10, count))], count)

        cloud.script = pages(change_after_the_first_page)
        series = scrape(scraper_of(cloud, concurrency=1))
        assert value(series, "ges_listing_complete") == 1
        assert series["ges_backups", frozenset(GROUP.items())] == 25 + change

    def test_records_that_cannot_be_read_are_counted(self, cloud: FaultyCloud) -> None:
        wrong = ["null", "7", "[]", '"x"', "{}"]
        big = json.dumps(record(1, size=0)).replace('"size": 0', '"size": ' + "9" * 400)
        late = json.dumps(record(2, startTimestamp=10**30))
        records = [json.dumps(record(0)), big, late, *wrong]
        text = f'{{"backupCount": {len(records)}, "backupList": [{", ".join(records)}]}}'
        cloud.script = of(BACKUPS, answer(text))
        series = scrape(scraper_of(cloud))
        assert value(series, "ges_up") == 1
        assert value(series, "ges_listing_complete") == 1
        assert value(series, "ges_backups_invalid") == len(wrong) + 2
        assert series["ges_backups", frozenset(GROUP.items())] == 1

    def test_a_refused_page_size_is_replaced_by_the_default(self, cloud: FaultyCloud) -> None:
        refusal = answer('{"errorCode": "GES.8001", "errorMessage": "limit"}', 400)
        cloud.script = pages(lambda ask: refusal if ask.limit > 10 else None)
        series = scrape(scraper_of(cloud, page_size=100))
        assert value(series, "ges_listing_complete") == 1
        assert {ask.limit for ask in cloud.asks(BACKUPS)[1:]} == {10}

    @pytest.mark.parametrize(
        "row",
        [row for row in (*TIMEOUTS, *CUTS, *LIES, *STATUSES) if row.operation == BACKUPS],
        ids=lambda row: row.name,
    )
    def test_the_same_fault_of_the_list_of_graphs_leaves_the_backups(self, row: Row, cloud: FaultyCloud) -> None:
        scraper = scraper_of(cloud, clock=SYSTEM_CLOCK if row in TIMEOUTS else HURRIED)
        cloud.script = lambda ask: row.script(replace(ask, operation=BACKUPS)) if ask.operation == GRAPHS else None
        series = scrape(scraper, row.seconds)
        assert value(series, "ges_graphs_up") == 0
        assert value(series, "ges_up") == 1
        assert series["ges_backups", frozenset(GROUP.items())] == 25
        assert_recovered(cloud, scraper)

    def test_a_list_of_graphs_that_hangs_leaves_the_backups(self, cloud: FaultyCloud) -> None:
        scraper = scraper_of(cloud)
        cloud.script = lambda ask: silence if ask.operation == GRAPHS else None
        series = scrape(scraper, 1)
        assert value(series, "ges_graphs_up") == 0
        assert value(series, "ges_up") == 1
        assert_recovered(cloud, scraper)


class TestLabels:
    @pytest.mark.parametrize(
        ("sent", "served"),
        [
            (r"quote \" backslash \\ newline \n", 'quote " backslash \\ newline \n'),
            (r"control \u0000 \u001b \u007f \u0085", "control \0 \x1b \x7f \x85"),
            (r"half \ud800 pair \ud83d\ude00 half \uDFFF", "half \ufffd pair \U0001f600 half \ufffd"),
            ("图" * 5_000, "图" * 5_000),
        ],
    )
    def test_any_name_is_served(self, sent: str, served: str, cloud: FaultyCloud) -> None:
        text = json.dumps({"backupCount": 1, "backupList": [record(0, graph_name="NAME")]}).replace("NAME", sent)
        cloud.script = of(BACKUPS, answer(text))
        labels = {**GROUP, "graph_name": served}
        scraper = Scraper(config(project("faulty", cloud.url, graphs=False)), Telemetry())
        assert scrape(scraper)["ges_backups", frozenset(labels.items())] == 1

    def test_names_that_become_one_name_are_one_series(self, cloud: FaultyCloud) -> None:
        names = (r"\ud800", r"\ud801")
        records = [json.dumps(record(n, graphId=f"graph-{n}", graph_name="NAME")) for n in range(2)]
        spelled = ", ".join(text.replace("NAME", name) for text, name in zip(records, names, strict=True))
        cloud.script = of(BACKUPS, answer(f'{{"backupCount": 2, "backupList": [{spelled}]}}'))
        scraper = Scraper(config(project("faulty", cloud.url, graphs=False)), Telemetry())
        labels = {**GROUP, "graph_name": "\ufffd"}
        assert scrape(scraper)["ges_backups", frozenset(labels.items())] == 2  # read_series() refuses a second one


def resident() -> int:
    """Return how many bytes of memory the process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def assert_peak_below(limit: int, work: Callable[[], None]) -> None:
    """Run the work; fail where the process grew by more than so many bytes meanwhile."""
    allowed = max(resident() + limit, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    work()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 <= allowed


def gzip_bomb(megabytes: int) -> bytes:
    """Return a gzipped JSON document that is mostly spaces."""
    packer = zlib.compressobj(wbits=31)
    parts = [packer.compress(b'{"backupCount": 0, "backupList": [')]
    parts += [packer.compress(b" " * MEGABYTE) for _ in range(megabytes)]
    return b"".join([*parts, packer.compress(b"]}"), packer.flush()])


class TestSize:
    """What one listing may hold is bounded; 160 MiB is that bound, its pages' buffers, and what is freed late."""

    @pytest.mark.parametrize("kind", ["plain", "chunked", "gzip", "token"])
    def test_a_body_of_300_mb_is_refused(self, kind: str, cloud: FaultyCloud) -> None:
        plain = flood(OK_HEAD + b"Content-Length: 314572800\r\n\r\n{", b" " * MEGABYTE, 300)
        chunk = b"100000\r\n" + b" " * MEGABYTE + b"\r\n"
        chunked = flood(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk, 300)
        bomb = answer(gzip_bomb(300), headers={"Content-Encoding": "gzip"})
        replies: dict[str, Reply] = {"plain": plain, "chunked": chunked, "gzip": bomb, "token": plain}
        operation = TOKEN if kind == "token" else BACKUPS
        telemetry = Telemetry()
        scraper = Scraper(config(project("faulty", cloud.url, graphs=False)), telemetry)
        cloud.script = of(operation, replies[kind])
        assert_peak_below(160 * MEGABYTE, lambda: assert_blind(scrape(scraper)))
        assert requests_counted(telemetry, operation) == {"too_large": 1}
        assert_recovered(cloud, scraper)

    def test_many_large_pages_at_once_are_refused_together(self, cloud: FaultyCloud) -> None:
        large = flood(OK_HEAD + b"Content-Length: 99999999\r\n\r\n{", b" " * MEGABYTE, 20)  # none of them ends
        telemetry = Telemetry()
        scraper = scraper_of(cloud, telemetry=telemetry, concurrency=8)
        cloud.script = pages(lambda ask: large if ask.offset else first_of(1000)(ask))
        assert_peak_below(160 * MEGABYTE, lambda: assert_blind(scrape(scraper, 3)))
        assert requests_counted(telemetry, BACKUPS)["too_large"] >= 1
        cloud.hang_up()
        join_threads()
        assert_recovered(cloud, scraper)

    def test_pages_that_add_up_beyond_the_bound_are_refused(self, cloud: FaultyCloud) -> None:
        """Each page is given back once it is read; what was made of it is not."""

        def heavy(ask: Ask) -> Reply:
            name = "x" * MEGABYTE
            return page([record(ask.offset + n, graph_name=f"{ask.offset + n}{name}") for n in range(10)], 10_000)

        scraper = scraper_of(cloud, concurrency=2)
        cloud.script = pages(heavy)
        assert_peak_below(300 * MEGABYTE, lambda: assert_blind(scrape(scraper)))
        last = scraper.targets[0].last
        assert last is not None
        assert "64 MiB" in str(last.error)
        assert_recovered(cloud, scraper)


class TestSecrets:
    def test_a_redirect_carries_the_token_nowhere(self, cloud: FaultyCloud) -> None:
        with FaultyCloud() as other:
            cloud.script = of(BACKUPS, answer("", 302, headers={"Location": f"{other.url}/v1.0/x/graphs/backups"}))
            assert_blind(scrape(scraper_of(cloud)))
            assert other.asks() == []
        assert len(cloud.asks(BACKUPS)) == 1

    def test_cookies_and_netrc_are_left_alone(
        self, cloud: FaultyCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("default login made-up password made-up\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        cookie = answer('{"backupCount": 0, "backupList": []}', headers={"Set-Cookie": "session=1; Path=/"})
        cloud.script = of(BACKUPS, cookie)
        scraper = scraper_of(cloud)
        for _ in range(2):
            assert value(scrape(scraper), "ges_up") == 1
        for ask in cloud.asks():
            assert not {"cookie", "authorization"} & ask.headers.keys()

    def test_a_proxy_of_the_environment_is_used_and_bounded(
        self, cloud: FaultyCloud, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", cloud.url)
        monkeypatch.setenv("no_proxy", "")
        scraper = Scraper(config(project("faulty", "http://ges.invalid")), Telemetry())
        assert value(scrape(scraper), "ges_up") == 1
        cloud.script = of(BACKUPS, drip(OK_HEAD, b"x"))
        assert_blind(scrape(scraper, 1))


class SetTime:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.now, wall=lambda: self.now, sleep=lambda _: None)


class TestRests:
    def test_a_refused_password_rests_for_a_minute_doubling_to_fifteen(self, cloud: FaultyCloud) -> None:
        clock = SetTime()
        cloud.script = of(TOKEN, answer("", 401))
        scraper = scraper_of(cloud, clock=clock.clock())
        for tries, rest in enumerate((60, 120, 240, 480, 900, 900), start=1):
            assert_blind(scrape(scraper))
            assert len(cloud.asks(TOKEN)) == tries
            clock.now += rest - 1
            assert_blind(scrape(scraper))
            assert len(cloud.asks(TOKEN)) == tries
            clock.now += 2
        cloud.heal()
        assert value(scrape(scraper), "ges_up") == 1

    def test_the_rest_says_until_when(self, cloud: FaultyCloud) -> None:
        cloud.script = of(TOKEN, answer("", 401))
        scraper = scraper_of(cloud, clock=SetTime().clock())
        scrape(scraper)
        scrape(scraper)
        last = scraper.targets[0].last
        assert last is not None
        assert "not tried again until 2026-09-21T14:14:20Z" in str(last.error)

    def test_a_new_password_ends_the_rest_at_once(self, cloud: FaultyCloud, tmp_path: Path) -> None:
        file = tmp_path / "password"
        file.write_text("old")
        cloud.script = lambda ask: answer("", 401) if ask.operation == TOKEN and file.read_text() == "old" else None
        scraper = Scraper(config(project("faulty", cloud.url, SecretFile(file))), Telemetry(), clock=SetTime().clock())
        assert_blind(scrape(scraper))
        assert_blind(scrape(scraper))
        file.write_text("new")
        assert value(scrape(scraper), "ges_up") == 1
        assert len(cloud.asks(TOKEN)) == 2


class Shared:
    """Two scrapes at once: the second joins the listing that the first began and that the cloud holds up."""

    def __init__(self, cloud: FaultyCloud, monkeypatch: pytest.MonkeyPatch, first: float, second: float) -> None:
        asked, joined, self.release = threading.Event(), threading.Event(), threading.Event()
        self.cloud = cloud
        self.results: dict[str, Series] = {}
        cloud.script = pages(lambda ask: self.held(ask, asked))
        scraper = scraper_of(cloud)
        target = scraper.targets[0]
        really = target.join

        def join(deadline: Any) -> Any:
            flight = really(deadline)
            if asked.is_set():
                joined.set()
            return flight

        monkeypatch.setattr(target, "join", join)
        self._threads = [self._start("first", scraper, first)]
        assert asked.wait(PLENTY)
        self._threads.append(self._start("second", scraper, second))
        assert joined.wait(PLENTY)

    def held(self, ask: Ask, asked: threading.Event) -> Reply | None:
        if ask.nth == 0:
            asked.set()
            self.release.wait(PLENTY)
        return None

    def finish(self) -> dict[str, Series]:
        for thread in self._threads:
            thread.join()
        return self.results

    def _start(self, name: str, scraper: Scraper, seconds: float) -> threading.Thread:
        thread = threading.Thread(target=lambda: self.results.update({name: scrape(scraper, seconds)}))
        thread.start()
        return thread


class TestSharing:
    def test_two_scrapes_at_once_cost_one_listing(self, cloud: FaultyCloud, monkeypatch: pytest.MonkeyPatch) -> None:
        shared = Shared(cloud, monkeypatch, PLENTY, PLENTY)
        shared.release.set()
        results = shared.finish()
        assert value(results["first"], "ges_up") == 1
        assert results["first"] == results["second"]
        assert [ask.offset for ask in cloud.asks(BACKUPS)].count(0) == 1

    def test_who_joined_a_shorter_deadline_takes_one_of_its_own(
        self, cloud: FaultyCloud, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shared = Shared(cloud, monkeypatch, 1, PLENTY)
        results = shared.finish()
        shared.release.set()
        assert_blind(results["first"])
        assert value(results["second"], "ges_up") == 1

    def test_who_joined_a_longer_deadline_keeps_its_own(
        self, cloud: FaultyCloud, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shared = Shared(cloud, monkeypatch, PLENTY, 0.5)
        shared._threads[1].join()
        assert_blind(shared.results["second"])
        shared.release.set()
        assert value(shared.finish()["first"], "ges_up") == 1

    def test_a_finished_listing_is_served_for_cache_seconds_and_tells_its_age(self, cloud: FaultyCloud) -> None:
        clock = SetTime()
        scraper = scraper_of(cloud, clock=clock.clock(), cache_seconds=30)
        taken = value(scrape(scraper), "ges_listing_timestamp_seconds")
        requests_sent = len(cloud.asks())
        clock.now += 29
        assert value(scrape(scraper), "ges_listing_timestamp_seconds") == taken
        assert len(cloud.asks()) == requests_sent
        clock.now += 2
        assert value(scrape(scraper), "ges_listing_timestamp_seconds") == clock.now

    def test_failures_are_not_cached(self, cloud: FaultyCloud) -> None:
        scraper = scraper_of(cloud, cache_seconds=30)
        cloud.script = of(BACKUPS, answer("", 404))
        assert_blind(scrape(scraper))
        assert_recovered(cloud, scraper)


def threads_of_the_exporter() -> int:
    return sum(thread.name in {"listing", "request"} for thread in threading.enumerate())


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # names alone: each may be gone by now


class TestStorms:
    def test_fifty_dripping_scrapes_keep_no_thread(self, cloud: FaultyCloud) -> None:
        scraper = scraper_of(cloud, concurrency=8)
        assert value(scrape(scraper), "ges_up") == 1
        cloud.script = lambda _: drip(OK_HEAD, b"x")
        for _ in range(50):
            assert_blind(scrape(scraper, 0.05))
            assert threads_of_the_exporter() <= 10
        cloud.hang_up()
        join_threads()
        assert threads_of_the_exporter() == 0
        assert_recovered(cloud, scraper)

    def test_a_thousand_scrapes_with_faults_at_random_leave_nothing_behind(
        self, cloud: FaultyCloud, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.ERROR, "urllib3.connection")  # a captured record would hold on to its connection
        chance = random.Random(20_260_901)  # noqa: S311  # the same faults in every run
        replies = [
            row.script for row in (*CUTS, *LIES, *STATUSES) if row.name not in RESTING and "deep" not in row.name
        ]
        gc.collect()  # what earlier tests left
        files = open_files()
        scraper = scraper_of(cloud, clock=HURRIED, page_size=100, concurrency=2)
        held = 0
        for number in range(1_000):
            cloud.heal()
            cloud.script = chance.choice(replies) if chance.random() < 0.7 else None
            healthy = cloud.script is None
            up = value(series_of(scraper.collect(PLENTY)), "ges_up")
            assert up == 1 if healthy else up in {0, 1}  # a login that fails is not seen while there is a token
            if number == 100:
                held = resident()
        join_threads()
        assert open_files() <= files + 2 * 2 * (2 * 2 + 2)  # both ends of what the pools may keep open
        assert resident() < held + 20 * MEGABYTE
        del scraper
        gc.collect()
        cloud.hang_up()
        assert open_files() <= files


@pytest.fixture
def served(cloud: FaultyCloud, steady: MadeUpCloud) -> Iterator[str]:
    """The web application over both clouds; its address."""
    projects = (project("faulty", cloud.url), project("steady", steady.url))
    telemetry = Telemetry()
    exporter = Exporter(lambda: Scraper(config(*projects), telemetry), telemetry)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make_app(exporter), http="h11", ws="none", lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listening.close()


class TestWeb:
    def test_the_answer_is_there_before_prometheus_gives_up(self, served: str, cloud: FaultyCloud) -> None:
        cloud.script = of(BACKUPS, drip(OK_HEAD, b"x"))
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": "2"}
        begun = time.monotonic()
        response = requests.get(f"{served}/metrics", headers=headers, timeout=PLENTY)
        assert time.monotonic() - begun < 2
        assert response.status_code == 200
        series = read_series(response.text)
        assert_blind(series)
        assert value(series, "ges_up", "steady") == 1
        counted = frozenset({"operation": BACKUPS, "code": "timeout"}.items())
        assert series["ges_exporter_api_requests_total", counted] == 1

    def test_the_landing_page_says_why(self, served: str, cloud: FaultyCloud) -> None:
        cloud.script = of(BACKUPS, answer('{"errorCode": "GES.7006", "errorMessage": "<made up>"}', 404))
        requests.get(f"{served}/probe", params={"target": "faulty"}, timeout=PLENTY)
        page_text = requests.get(f"{served}/", timeout=PLENTY).text
        assert "HTTP 404, GES.7006: &lt;made up&gt;" in page_text


def test_the_threads_are_as_many_as_the_documentation_says() -> None:
    text = Path(__file__).parents[2].joinpath("docs", "reliability.md").read_text()
    for number, what in ((LISTING_THREADS, "listing"), (REQUEST_THREADS, "request"), (SCRAPE_THREADS, "scrape")):
        assert f"{number} {what} threads" in text
