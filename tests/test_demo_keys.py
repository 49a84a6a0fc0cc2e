"""The made-up cloud's view of signed requests, and the keys that its metadata service gives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest
import requests

from ges_exporter.demo.accounts import ACCESS_KEY, PROJECT_ID, SECRET_KEY
from ges_exporter.demo.cloud import MadeUpCloud
from ges_exporter.demo.signing import SignedRequest
from tests.demo_client import NOW, SetClock, get, token_of
from tests.signatures import official_signature

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = f"/v1.0/{PROJECT_ID}/graphs/backups"
SESSION = "/meta-data/latest/api/token"
SECURITY_KEY = "/openstack/latest/securitykey"


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def cloud(clock: SetClock) -> Iterator[MadeUpCloud]:
    with MadeUpCloud(clock=clock, signature=official_signature) as made_up:
        yield made_up


def signed(
    cloud: MadeUpCloud,
    *,
    at: float = NOW,
    access_key: str = ACCESS_KEY,
    secret_key: str = SECRET_KEY,
    extra: dict[str, str] | None = None,
) -> dict[str, str]:
    """The headers of a GET of the first two backups, signed with the official signer."""
    headers = {
        "host": cloud.url.removeprefix("http://"),
        "x-sdk-date": datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ"),
        **(extra or {}),
    }
    signature = official_signature(
        SignedRequest(
            method="GET",
            path=PATH,
            query=(("offset", "0"), ("limit", "2")),
            headers=headers,
            body=b"",
            access_key=access_key,
            secret_key=secret_key,
        )
    )
    names = ";".join(sorted(headers))
    authorization = f"SDK-HMAC-SHA256 Access={access_key}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "Authorization": authorization}


def ask(cloud: MadeUpCloud, headers: dict[str, str], query: str = "?offset=0&limit=2") -> requests.Response:
    return get(cloud, PATH + query, headers=headers)


def assert_refused(answer: requests.Response, reason: str) -> None:
    assert answer.status_code == 401
    assert answer.json()["error_code"] == "APIGW.0301"
    assert reason in answer.json()["error_msg"]


def credential(cloud: MadeUpCloud) -> dict[str, str]:
    """The keys of the agency, asked for as an ECS does."""
    session = requests.put(cloud.url + SESSION, headers={"X-Metadata-Token-Ttl-Seconds": "21600"})
    assert session.status_code == 200
    answer = get(cloud, SECURITY_KEY, headers={"X-Metadata-Token": session.text})
    found: dict[str, str] = answer.json()["credential"]
    return found


class TestSignedRequests:
    def test_the_helper_gives_the_signature_that_is_known(self) -> None:
        request = SignedRequest(
            method="GET",
            path="/v1.0/PID/graphs/backups",
            query=(("offset", "0"), ("limit", "2")),
            headers={"host": "ges.cn-north-4.myhuaweicloud.com", "x-sdk-date": "20260101T000000Z"},
            body=b"",
            access_key="AKEXAMPLE",
            secret_key="SKEXAMPLE",
        )
        known = "90a88359b5421cefdb09c4d38ce1195ace8670916863fcce6ec94fe21e971a70"
        assert official_signature(request) == known

    @pytest.mark.parametrize("extra", [{}, {"x-project-id": PROJECT_ID}, {"content-type": "application/json"}])
    def test_pass_with_a_right_signature(self, cloud: MadeUpCloud, extra: dict[str, str]) -> None:
        answer = ask(cloud, signed(cloud, extra=extra))
        assert answer.status_code == 200
        assert len(answer.json()["backupList"]) == 2

    @pytest.mark.parametrize("seconds", [-16 * 60, -901, 901, 86_400])
    def test_with_a_clock_far_off_are_told_of_the_time(self, cloud: MadeUpCloud, seconds: int) -> None:
        answer = ask(cloud, signed(cloud, at=NOW + seconds))
        assert_refused(answer, "x-sdk-date expired")
        assert "more than 15 minutes from the server time 20260921T141320Z" in answer.json()["error_msg"]

    @pytest.mark.parametrize("seconds", [-900, 900])
    def test_with_a_clock_a_little_off_pass(self, cloud: MadeUpCloud, seconds: int) -> None:
        assert ask(cloud, signed(cloud, at=NOW + seconds)).status_code == 200

    def test_with_a_wrong_secret_are_refused(self, cloud: MadeUpCloud) -> None:
        assert_refused(ask(cloud, signed(cloud, secret_key="wrong")), "verify aksk signature fail")

    def test_with_an_unknown_key_are_refused(self, cloud: MadeUpCloud) -> None:
        assert_refused(ask(cloud, signed(cloud, access_key="NOBODY")), "ak:NOBODY,err:ak not exist")

    @pytest.mark.parametrize("query", ["?offset=0&limit=3", "?offset=0&limit=2&x=", ""])
    def test_with_another_query_than_was_signed_are_refused(self, cloud: MadeUpCloud, query: str) -> None:
        assert_refused(ask(cloud, signed(cloud), query), "verify aksk signature fail")

    def test_with_a_header_changed_after_signing_are_refused(self, cloud: MadeUpCloud) -> None:
        headers = signed(cloud, extra={"x-project-id": PROJECT_ID}) | {"x-project-id": "0" * 32}
        assert_refused(ask(cloud, headers), "verify aksk signature fail")

    def test_without_a_header_that_was_signed_are_refused(self, cloud: MadeUpCloud) -> None:
        headers = signed(cloud, extra={"x-project-id": PROJECT_ID})
        del headers["x-project-id"]
        assert_refused(ask(cloud, headers), "a signed header is missing")

    def test_whose_date_is_not_signed_are_refused(self, cloud: MadeUpCloud) -> None:
        headers = signed(cloud)
        headers["Authorization"] = headers["Authorization"].replace("host;x-sdk-date", "host")
        assert_refused(ask(cloud, headers), "a signed header is missing")

    @pytest.mark.parametrize("date", ["", "yesterday", "2026-09-21T14:13:20Z"])
    def test_with_a_date_in_another_form_are_refused(self, cloud: MadeUpCloud, date: str) -> None:
        assert_refused(ask(cloud, signed(cloud) | {"x-sdk-date": date}), "x-sdk-date is malformed")

    @pytest.mark.parametrize("header", ["", "Basic dTpw", "SDK-HMAC-SHA256 Access=a", "AWS4-HMAC-SHA256 Access=a"])
    def test_with_another_authorization_are_refused(self, cloud: MadeUpCloud, header: str) -> None:
        assert_refused(ask(cloud, {"Authorization": header}), "the Authorization header is malformed")

    def test_for_another_project_than_the_header_says_are_refused_by_ges(self, cloud: MadeUpCloud) -> None:
        answer = ask(cloud, signed(cloud, extra={"x-project-id": "0" * 32}))
        assert (answer.status_code, answer.json()["error_code"]) == (400, "GES.0016")

    def test_are_refused_where_nobody_can_check_them(self, clock: SetClock) -> None:
        with MadeUpCloud(clock=clock) as cloud:
            assert_refused(ask(cloud, signed(cloud)), "was given no signer")

    def test_do_not_make_tokens_useless(self, cloud: MadeUpCloud) -> None:
        assert get(cloud, PATH, token_of(cloud)).status_code == 200


class TestMetadataService:
    def test_gives_keys_of_an_hour_that_sign_requests(self, cloud: MadeUpCloud) -> None:
        keys = credential(cloud)
        assert keys["expires_at"] == "2026-09-21T15:13:20.000000Z"
        token = {"x-security-token": keys["securitytoken"]}
        headers = signed(cloud, access_key=keys["access"], secret_key=keys["secret"], extra=token)
        assert ask(cloud, headers).status_code == 200

    @pytest.mark.parametrize("extra", [{}, {"x-security-token": "another"}])
    def test_gives_keys_that_are_worth_nothing_alone(self, cloud: MadeUpCloud, extra: dict[str, str]) -> None:
        keys = credential(cloud)
        headers = signed(cloud, access_key=keys["access"], secret_key=keys["secret"], extra=extra)
        assert_refused(ask(cloud, headers), "the security token does not belong to the access key")

    def test_gives_new_keys_ten_minutes_before_the_old_ones_end(self, cloud: MadeUpCloud, clock: SetClock) -> None:
        first = credential(cloud)
        clock.now += 3600 - 601
        assert credential(cloud) == first
        clock.now += 1
        assert credential(cloud)["access"] != first["access"]

    def test_gives_keys_that_are_good_to_their_end_and_no_longer(self, cloud: MadeUpCloud, clock: SetClock) -> None:
        keys = credential(cloud)
        token = {"x-security-token": keys["securitytoken"]}
        answers = []
        for clock.now in (NOW + 3599, NOW + 3600):
            credential(cloud)
            headers = signed(cloud, at=clock.now, access_key=keys["access"], secret_key=keys["secret"], extra=token)
            answers.append(ask(cloud, headers))
        assert answers[0].status_code == 200
        assert_refused(answers[1], "the temporary access key has expired")

    @pytest.mark.parametrize("headers", [{}, {"X-Metadata-Token": "unknown"}])
    def test_wants_the_session_token_that_it_gave(self, cloud: MadeUpCloud, headers: dict[str, str]) -> None:
        assert get(cloud, SECURITY_KEY, headers=headers).status_code == 401

    @pytest.mark.parametrize("lifetime", [None, "0", "21601", "-1", "long"])
    def test_gives_no_session_of_a_lifetime_out_of_bounds(self, cloud: MadeUpCloud, lifetime: str | None) -> None:
        headers = {} if lifetime is None else {"X-Metadata-Token-Ttl-Seconds": lifetime}
        assert requests.put(cloud.url + SESSION, headers=headers).status_code == 400

    def test_can_be_one_without_sessions(self) -> None:
        with MadeUpCloud(metadata_sessions=False) as cloud:
            assert requests.put(cloud.url + SESSION).status_code == 404
            found = get(cloud, SECURITY_KEY).json()["credential"]
            assert set(found) == {"access", "secret", "securitytoken", "expires_at"}

    @pytest.mark.parametrize("sessions", [True, False])
    def test_knows_no_keys_on_a_machine_without_an_agency(self, *, sessions: bool) -> None:
        with MadeUpCloud(agency=False, metadata_sessions=sessions) as cloud:
            token = requests.put(cloud.url + SESSION, headers={"X-Metadata-Token-Ttl-Seconds": "60"}).text
            assert get(cloud, SECURITY_KEY, headers={"X-Metadata-Token": token}).status_code == 404


def test_a_signer_of_ones_own_is_given_the_request_as_it_arrived(clock: SetClock) -> None:
    seen: list[SignedRequest] = []

    def remember(request: SignedRequest) -> str:
        seen.append(request)
        return "0"

    with MadeUpCloud(clock=clock, signature=remember) as cloud:
        headers = signed(cloud)
        ask(cloud, headers, "?offset=0&name=%E7%9F%A5+x&empty=")
    (request,) = seen
    assert msgspec.structs.asdict(request) == {
        "method": "GET",
        "path": PATH,
        "query": (("offset", "0"), ("name", "知 x"), ("empty", "")),
        "headers": {"host": headers["host"], "x-sdk-date": "20260921T141320Z"},
        "body": b"",
        "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
    }
