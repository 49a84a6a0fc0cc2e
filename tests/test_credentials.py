"""Tokens, signatures and agencies against the made-up cloud: as few logins as can be, and none too few."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ges_exporter.agency import ECSAgency
from ges_exporter.clock import SYSTEM_CLOCK, Clock, Deadline
from ges_exporter.config import Config, Project, Scrape
from ges_exporter.config_auth import AccessKeyAuth, AgencyAuth, PasswordAuth, StaticTokenAuth
from ges_exporter.credentials import Password
from ges_exporter.demo.accounts import ACCESS_KEY, DEMO_USER, PROJECT_ID, SECRET_KEY
from ges_exporter.demo.cloud import MadeUpCloud
from ges_exporter.errors import CallRefused, CloudError, CredentialsUnusable
from ges_exporter.http_client import HTTPClient
from ges_exporter.lease import Lease
from ges_exporter.pacing import Pacer
from ges_exporter.refusals import Refusals
from ges_exporter.scrape import Scraper
from ges_exporter.secret import Secret, SecretFile
from ges_exporter.summary import Snapshot
from ges_exporter.telemetry import Telemetry
from tests.demo_client import NOW, SetClock, token_of
from tests.projects import project, scraper_of
from tests.signatures import official_signature

LOGIN = "/v3/auth/tokens"
PASSWORD = PasswordAuth(DEMO_USER.domain, DEMO_USER.name, Secret(DEMO_USER.password))


@pytest.fixture
def time() -> SetClock:
    return SetClock()


@pytest.fixture
def clock(time: SetClock) -> Clock:
    return Clock(wall=time)


@pytest.fixture
def cloud(time: SetClock) -> Iterator[MadeUpCloud]:
    with MadeUpCloud(clock=time, signature=official_signature) as made_up:
        yield made_up


def asked(cloud: MadeUpCloud, path: str) -> int:
    return sum(request.path == path for request in cloud.requests)


def scrape(scraper: Scraper) -> Snapshot:
    (snapshot,) = scraper.collect(20)
    return snapshot


def with_password(cloud: MadeUpCloud, clock: Clock) -> Scraper:
    return scraper_of(project(cloud.url, auth=PASSWORD, list_graphs=True), scrape=Scrape(page_size=5), clock=clock)


def password_of(cloud: MadeUpCloud, clock: Clock) -> Password:
    return Password(
        iam_endpoint=cloud.url,
        domain=DEMO_USER.domain,
        username=DEMO_USER.name,
        password=Secret(DEMO_USER.password),
        project_id=PROJECT_ID,
        client=HTTPClient(telemetry=Telemetry(), pacer=Pacer(100), clock=clock),
        refusals=Refusals(clock),
        clock=clock,
    )


class TestPassword:
    def test_one_token_is_fetched_for_all_threads_and_scrapes(self, cloud: MadeUpCloud, clock: Clock) -> None:
        scraper = with_password(cloud, clock)
        assert [scrape(scraper).error for _ in range(2)] == [None, None]
        assert asked(cloud, LOGIN) == 1

    def test_many_rejections_of_one_token_make_one_new_token(self, cloud: MadeUpCloud, clock: Clock) -> None:
        password = password_of(cloud, clock)
        threads = 8
        with ThreadPoolExecutor(threads) as pool:
            old = list(pool.map(lambda _: password.proof("list", Deadline.after(10)), range(threads)))
            for proof in old:
                assert password.rejected(proof)
            new = list(pool.map(lambda _: password.proof("list", Deadline.after(10)), range(threads)))
            for proof in old:  # latecomers: the new token stays
                password.rejected(proof)
            last = password.proof("list", Deadline.after(10))
        assert len({proof.secrets[0] for proof in old}) == 1
        assert {proof.secrets[0] for proof in new} == {last.secrets[0]}
        assert asked(cloud, LOGIN) == 2

    def test_a_revoked_token_is_renewed_within_the_scrape(self, cloud: MadeUpCloud, clock: Clock) -> None:
        scraper = with_password(cloud, clock)
        scrape(scraper)
        cloud.revoke_tokens()
        snapshot = scrape(scraper)
        assert (snapshot.error, snapshot.graphs_error) == (None, None)
        assert asked(cloud, LOGIN) == 2

    @pytest.mark.parametrize(("before_end", "logins"), [(301, 1), (299, 2)])
    def test_a_token_is_renewed_five_minutes_before_its_end(
        self, cloud: MadeUpCloud, time: SetClock, clock: Clock, before_end: int, logins: int
    ) -> None:
        scraper = with_password(cloud, clock)
        assert scrape(scraper).token_expiry == NOW + 86_400
        time.now = NOW + 86_400 - before_end
        assert scrape(scraper).error is None
        assert asked(cloud, LOGIN) == logins

    def test_a_refused_password_rests(self, cloud: MadeUpCloud, clock: Clock) -> None:
        wrong = replace(PASSWORD, password=Secret("wrong-password"))
        scraper = scraper_of(project(cloud.url, auth=wrong, list_graphs=True), clock=clock)
        errors = [scrape(scraper).error for _ in range(3)]
        assert asked(cloud, LOGIN) == 1
        assert isinstance(errors[-1], CredentialsUnusable)
        assert "wrong-password" not in "".join(map(str, errors))

    def test_a_password_file_with_new_content_ends_the_rest(
        self, cloud: MadeUpCloud, clock: Clock, tmp_path: Path
    ) -> None:
        file = tmp_path / "password"
        file.write_text("wrong\n")
        auth = replace(PASSWORD, password=SecretFile(file))
        scraper = scraper_of(project(cloud.url, auth=auth), clock=clock)
        assert scrape(scraper).error is not None
        file.write_text(DEMO_USER.password + "\n")
        assert scrape(scraper).error is None


class TestStaticToken:
    def test_is_sent_as_it_is(self, cloud: MadeUpCloud, clock: Clock) -> None:
        auth = StaticTokenAuth(Secret(token_of(cloud)))
        assert scrape(scraper_of(project(cloud.url, auth=auth), clock=clock)).error is None

    def test_that_is_wrong_is_tried_once(self, cloud: MadeUpCloud, clock: Clock) -> None:
        snapshot = scrape(scraper_of(project(cloud.url), clock=clock))
        assert isinstance(snapshot.error, CloudError)
        assert len(cloud.requests) == 1
        assert "static-token" not in str(snapshot.error)


class TestAccessKey:
    def auth(self, secret_key: str = SECRET_KEY) -> AccessKeyAuth:
        return AccessKeyAuth(Secret(ACCESS_KEY), Secret(secret_key), None)

    def test_signs_every_page(self, cloud: MadeUpCloud, clock: Clock) -> None:
        scraper = scraper_of(project(cloud.url, auth=self.auth()), scrape=Scrape(page_size=20), clock=clock)
        assert scrape(scraper).error is None
        assert len(cloud.requests) > 1

    def test_that_is_refused_rests(self, cloud: MadeUpCloud, clock: Clock) -> None:
        scraper = scraper_of(project(cloud.url, auth=self.auth("wrong-secret-key")), clock=clock)
        errors = [scrape(scraper).error for _ in range(3)]
        assert len(cloud.requests) == 1
        assert "wrong-secret-key" not in "".join(map(str, errors))

    def test_a_clock_far_off_is_named(self, cloud: MadeUpCloud) -> None:
        late = Clock(wall=lambda: NOW + 16 * 60)
        error = scrape(scraper_of(project(cloud.url, auth=self.auth()), clock=late)).error
        assert "more than 15 minutes from the server time" in str(error)


class TestAgency:
    @pytest.mark.parametrize("sessions", [True, False], ids=["with session token", "without"])
    def test_signs_with_the_keys_of_the_metadata_service(self, time: SetClock, clock: Clock, *, sessions: bool) -> None:
        with MadeUpCloud(clock=time, signature=official_signature, metadata_sessions=sessions) as cloud:
            scraper = agency_scraper(cloud, clock)
            assert scrape(scraper).error is None
            time.now += 3600 - 301
            assert scrape(scraper).error is None
            assert asked(cloud, "/openstack/latest/securitykey") == 1
            time.now += 2
            assert scrape(scraper).error is None
            assert asked(cloud, "/openstack/latest/securitykey") == 2

    def test_a_machine_without_one_is_told_what_to_set_up(self, time: SetClock, clock: Clock) -> None:
        with MadeUpCloud(clock=time, signature=official_signature, agency=False) as cloud:
            error = scrape(agency_scraper(cloud, clock)).error
        assert "this ECS has no agency: create one" in str(error)

    def test_many_threads_share_one_set_of_keys(self, cloud: MadeUpCloud, clock: Clock) -> None:
        client = HTTPClient(telemetry=Telemetry(), pacer=Pacer(100), clock=clock)
        agency = ECSAgency(project_id=PROJECT_ID, client=client, endpoint=cloud.url, clock=clock)
        with ThreadPoolExecutor(8) as pool:
            proofs = list(pool.map(lambda _: agency.proof("list", Deadline.after(10)), range(8)))
        assert len({proof.secrets for proof in proofs}) == 1
        assert asked(cloud, "/openstack/latest/securitykey") == 1


def agency_scraper(cloud: MadeUpCloud, clock: Clock) -> Scraper:
    only: Project = project(cloud.url, auth=AgencyAuth())
    config = Config(Scrape(), None, (only,))
    return Scraper(config, Telemetry(), clock=clock, metadata_endpoint=cloud.url)


class TestSecretFile:
    def test_is_read_again_without_the_newline_at_its_end(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("first\r\n")
        secret = SecretFile(file)
        assert secret.read() == "first"
        file.write_text("second\n")
        assert secret.read() == "second"

    def test_that_vanishes_keeps_its_last_value_and_is_logged_once(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("hidden")
        secret = SecretFile(file)
        file.unlink()
        logged: list[Any]
        with capture_logs() as logged:
            assert [secret.read() for _ in range(3)] == ["hidden"] * 3
        assert [entry["log_level"] for entry in logged] == ["warning"]
        assert str(file) in str(logged)
        assert "hidden" not in str(logged)
        assert "hidden" not in repr(secret)


def test_those_who_wait_for_a_login_share_its_failure() -> None:
    waiting = threading.Event()
    fetches: list[str] = []

    def fetch(_: Deadline) -> tuple[str, float | None]:
        fetches.append("one")
        assert waiting.wait(10)
        raise CallRefused("create_token", 500)

    lease = Lease(fetch, SYSTEM_CLOCK)
    deadline = Deadline.after(10)

    class Watched:
        """The lease's lock, which tells when a second thread wants it."""

        def __init__(self) -> None:
            self._lock = threading.Lock()

        def acquire(self, timeout: float) -> bool:
            if self._lock.locked():
                waiting.set()
            return self._lock.acquire(timeout=timeout)

        def release(self) -> None:
            self._lock.release()

    lease._lock = Watched()  # type: ignore[assignment]
    with ThreadPoolExecutor(2) as pool:
        tries = [pool.submit(lease.get, "list_backups", deadline) for _ in range(2)]
        errors = [attempt.exception() for attempt in tries]
    assert [type(error) for error in errors] == [CallRefused, CallRefused]
    assert fetches == ["one"]
