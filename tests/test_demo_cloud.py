"""The made-up cloud over its socket: logins, the gateway, pages, and the server itself."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from ges_exporter.demo.accounts import DEMO_USER, DOMAIN, PASSWORD, PROJECT_ID, USERNAME, User
from ges_exporter.demo.cloud import MadeUpCloud
from tests.demo_client import NOW, SetClock, get, login, login_body, token_of

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER_PROJECT = "5eed0c10d0000000000000000000de31"
BACKUPS = "/v1.0/{project_id}/graphs/backups"
PATHS = [f"/{version}/{{project_id}}/graphs{rest}" for version in ("v1.0", "v2") for rest in ("", "/backups")]


@pytest.fixture(scope="module")
def cloud() -> Iterator[MadeUpCloud]:
    """One whose time stands still, so that pages fit together."""
    with MadeUpCloud(clock=SetClock(), projects=(PROJECT_ID, OTHER_PROJECT)) as made_up:
        yield made_up


@pytest.fixture(scope="module")
def token(cloud: MadeUpCloud) -> str:
    return token_of(cloud)


def items(answer: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    """The count and the list of an answer, whichever version and list it is of."""
    counts = [value for key, value in answer.items() if key.lower().endswith("count")]
    lists = [value for value in answer.values() if isinstance(value, list)]
    assert (len(counts), len(lists)) == (1, 1)
    return counts[0], lists[0]


class TestLogin:
    def test_gives_a_token_of_some_kilobytes_that_opens_the_project(self, cloud: MadeUpCloud) -> None:
        answer = login(cloud)
        token = answer.headers["X-Subject-Token"]
        assert answer.status_code == 201
        assert re.fullmatch(r"[A-Za-z0-9_-]{2000,4000}", token)
        assert answer.json()["token"]["project"]["id"] == PROJECT_ID
        assert get(cloud, BACKUPS, token).status_code == 200

    def test_tells_when_the_token_ends(self, cloud: MadeUpCloud) -> None:
        assert login(cloud).json()["token"]["expires_at"] == "2026-09-22T14:13:20.000000Z"

    def test_gives_a_new_token_each_time(self, cloud: MadeUpCloud) -> None:
        assert token_of(cloud) != token_of(cloud)

    @pytest.mark.parametrize(("query", "expected"), [("", True), ("?nocatalog=true", False), ("?nocatalog", False)])
    def test_tells_the_catalogue_unless_told_not_to(self, cloud: MadeUpCloud, query: str, *, expected: bool) -> None:
        assert ("catalog" in login(cloud, query=query).json()["token"]) is expected

    @pytest.mark.parametrize(
        "user",
        [
            User(DOMAIN, USERNAME, "wrong"),
            User(DOMAIN, "nobody", PASSWORD),
            User("elsewhere", USERNAME, PASSWORD),
        ],
    )
    def test_refuses_who_is_not_known(self, cloud: MadeUpCloud, user: User) -> None:
        answer = login(cloud, user)
        message = "The username or password is wrong."
        assert answer.status_code == 401
        assert answer.json() == {"error": {"code": 401, "message": message, "title": "Unauthorized"}}
        assert "X-Subject-Token" not in answer.headers

    def test_refuses_a_project_that_is_not_there(self, cloud: MadeUpCloud) -> None:
        answer = login(cloud, project_id="0" * 32)
        assert answer.status_code == 401
        assert answer.json()["error"]["title"] == "Unauthorized"
        assert "0" * 32 in answer.json()["error"]["message"]

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"auth": {"identity": {"methods": []}}}', b"\xff"])
    def test_refuses_a_body_that_is_no_login(self, cloud: MadeUpCloud, body: bytes) -> None:
        answer = requests.post(f"{cloud.url}/v3/auth/tokens", data=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == 400

    def test_lets_several_users_in(self) -> None:
        second = User("other-account", "reader", "other-password")
        with MadeUpCloud(users=(DEMO_USER, second)) as cloud:
            assert [login(cloud, user).status_code for user in (DEMO_USER, second)] == [201, 201]


class TestGateway:
    @pytest.mark.parametrize("path", [*PATHS, "/v1.0/{project_id}/graphs/quotas", "/v2/{project_id}/graphs/quotas"])
    @pytest.mark.parametrize(
        ("headers", "reason"),
        [({}, "x-auth-token not found"), ({"X-Auth-Token": "unknown"}, "decrypt token fail")],
    )
    def test_refuses_requests_without_a_token_it_knows(
        self, cloud: MadeUpCloud, path: str, headers: dict[str, str], reason: str
    ) -> None:
        answer = get(cloud, path, headers=headers)
        assert answer.status_code == 401
        assert answer.json() == {
            "error_msg": f"Incorrect IAM authentication information: {reason}",
            "error_code": "APIGW.0301",
            "request_id": answer.headers["X-Request-Id"],
        }

    def test_refuses_a_token_from_the_moment_it_ends(self) -> None:
        clock = SetClock()
        with MadeUpCloud(clock=clock, token_lifetime=600) as cloud:
            token = token_of(cloud)
            clock.now += 599
            assert get(cloud, BACKUPS, token).status_code == 200
            clock.now += 1
            refused = get(cloud, BACKUPS, token)
            assert refused.status_code == 401
            assert "token expires, expires_at: 2026-09-21T14:23:20.000000Z" in refused.json()["error_msg"]

    def test_revoked_tokens_are_unknown_and_later_ones_are_not(self) -> None:
        with MadeUpCloud() as cloud:
            tokens = [token_of(cloud), token_of(cloud)]
            cloud.revoke_tokens()
            assert [get(cloud, BACKUPS, token).status_code for token in tokens] == [401, 401]
            assert get(cloud, BACKUPS, token_of(cloud)).status_code == 200

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize("scope", [OTHER_PROJECT, None])
    def test_refuses_a_token_of_another_scope(self, cloud: MadeUpCloud, path: str, scope: str | None) -> None:
        answer = get(cloud, path, token_of(cloud, scope))
        assert answer.status_code == 400
        assert answer.json()["error_code"] == "GES.0016"

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/"),
            ("GET", f"/v1.0/{PROJECT_ID}/graph"),
            ("GET", f"/v3/{PROJECT_ID}/graphs"),
            ("POST", f"/v1.0/{PROJECT_ID}/graphs/backups"),
            ("GET", "/v3/auth/tokens"),
        ],
    )
    def test_knows_nothing_of_other_paths_and_methods(self, cloud: MadeUpCloud, method: str, path: str) -> None:
        answer = requests.request(method, cloud.url + path)
        assert answer.status_code == 404
        assert answer.json()["error_code"] == "APIGW.0101"
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"]

    def test_each_answer_has_a_request_id_of_its_own(self, cloud: MadeUpCloud, token: str) -> None:
        answers = [get(cloud, BACKUPS, token), get(cloud, BACKUPS, token), get(cloud, "/"), login(cloud)]
        ids = {answer.headers["X-Request-Id"] for answer in answers}
        assert len(ids) == 4
        assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


class TestPages:
    @pytest.mark.parametrize("path", PATHS)
    def test_have_ten_items_from_the_first_on_where_nothing_is_said(
        self, cloud: MadeUpCloud, token: str, path: str
    ) -> None:
        count, ten = items(get(cloud, path, token).json())
        _, whole = items(get(cloud, path + "?limit=1000", token).json())
        assert count == len(whole)
        assert ten == whole[:10]

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize("limit", [7, 10, 100])
    def test_together_are_the_whole_list(self, cloud: MadeUpCloud, token: str, path: str, limit: int) -> None:
        count, whole = items(get(cloud, path + "?offset=0&limit=1000", token).json())
        pages = [
            items(get(cloud, f"{path}?offset={offset}&limit={limit}", token).json())
            for offset in range(0, count, limit)
        ]
        assert {each for each, _ in pages} == {count}
        assert [item for _, page in pages for item in page] == whole
        assert len({item["id"] for item in whole}) == count

    @pytest.mark.parametrize("path", PATHS)
    def test_beyond_the_end_are_empty(self, cloud: MadeUpCloud, token: str, path: str) -> None:
        count, _ = items(get(cloud, path, token).json())
        assert count > 0
        for offset in (count, count + 1000):
            assert items(get(cloud, f"{path}?offset={offset}", token).json()) == (count, [])

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=-1", "limit=ten", "limit=", "limit=1.5", "limit=٣", "offset=-1", "offset=x"]
    )
    def test_with_a_bad_offset_or_limit_are_refused(self, cloud: MadeUpCloud, token: str, query: str) -> None:
        message = f"Incorrect parameter: {query.partition('=')[0]}."
        old, new = (get(cloud, f"/{version}/{{project_id}}/graphs?{query}", token) for version in ("v1.0", "v2"))
        assert (old.status_code, new.status_code) == (400, 400)
        assert old.json() == {"errorCode": "GES.0001", "errorMessage": message}
        assert new.json() == {"error_code": "GES.0001", "error_msg": message}

    def test_are_cut_at_the_servers_own_bound(self) -> None:
        with MadeUpCloud(max_page=3) as cloud:
            token = token_of(cloud)
            for query, expected in [("", 3), ("?limit=2", 2), ("?limit=100", 3)]:
                assert len(items(get(cloud, BACKUPS + query, token).json())[1]) == expected

    def test_greater_than_the_server_takes_are_refused(self) -> None:
        with MadeUpCloud(refuse_limit_above=20) as cloud:
            token = token_of(cloud)
            taken, refused = (get(cloud, f"{BACKUPS}?limit={limit}", token) for limit in (20, 21))
            assert len(taken.json()["backupList"]) == 20
            assert (refused.status_code, refused.json()["errorCode"]) == (400, "GES.0001")

    def test_have_another_default_where_the_server_has_one(self) -> None:
        with MadeUpCloud(default_limit=4) as cloud:
            assert len(get(cloud, BACKUPS, token_of(cloud)).json()["backupList"]) == 4


class TestServer:
    def test_remembers_what_it_was_asked(self) -> None:
        with MadeUpCloud() as cloud:
            before = time.monotonic()
            get(cloud, "/v2/{project_id}/graphs?offset=0&limit=5&marker=", headers={"X-Odd-Header": "Some Value"})
            get(cloud, "/nowhere")
            first, second = cloud.requests
        assert (first.method, first.path) == ("GET", f"/v2/{PROJECT_ID}/graphs")
        assert first.query == {"offset": "0", "limit": "5", "marker": ""}
        assert first.headers["x-odd-header"] == "Some Value"
        assert second.path == "/nowhere"
        assert before <= first.arrived <= second.arrived <= time.monotonic()

    def test_answers_of_ges_wait_side_by_side_and_logins_do_not_wait(self) -> None:
        latency = 0.5
        with MadeUpCloud(page_latency=latency) as cloud, ThreadPoolExecutor(8) as pool:
            before = time.monotonic()
            token = token_of(cloud)
            assert time.monotonic() - before < latency
            before = time.monotonic()
            answers = list(pool.map(lambda _: get(cloud, BACKUPS, token).status_code, range(8)))
            assert answers == [200] * 8
            assert latency <= time.monotonic() - before < 4 * latency

    def test_stops_for_good_and_a_second_time_for_nothing(self) -> None:
        threads = threading.active_count()
        cloud = MadeUpCloud()
        assert get(cloud, "/").status_code == 404
        cloud.stop()
        cloud.stop()
        assert threading.active_count() == threads
        with pytest.raises(requests.ConnectionError):
            get(cloud, "/")

    def test_stops_while_an_answer_waits(self) -> None:
        with ThreadPoolExecutor(1) as pool:
            with MadeUpCloud(page_latency=60) as cloud:
                waiting = pool.submit(get, cloud, BACKUPS)
                while not cloud.requests and not waiting.done():
                    time.sleep(0.01)  # the log has no event to wait for
                before = time.monotonic()
            assert time.monotonic() - before < 5
            assert waiting.exception(timeout=5) is not None or waiting.result().status_code == 500

    def test_takes_the_port_it_is_given(self) -> None:
        with MadeUpCloud() as first:
            port = int(first.url.rpartition(":")[2])
        with MadeUpCloud(port=port) as second:
            assert second.url == first.url
            assert login(second).status_code == 201

    def test_the_data_live_while_the_clock_goes(self) -> None:
        clock = SetClock()
        with MadeUpCloud(clock=clock) as cloud:
            token = token_of(cloud)
            listings = []
            for clock.now in (NOW, NOW + 90):
                listings.append(get(cloud, BACKUPS + "?limit=1000", token).json())
            assert listings[0] != listings[1]

    def test_the_start_of_the_history_can_lie_before(self) -> None:
        with MadeUpCloud(clock=SetClock(), started=NOW - 300) as late, MadeUpCloud(clock=SetClock()) as early:
            lists = [get(c, BACKUPS + "?limit=1000", token_of(c)).json()["backupList"] for c in (late, early)]
            newest = [max(record["startTimestamp"] for record in records) for records in lists]
            assert newest[0] > newest[1]

    def test_projects_have_histories_of_their_own(self, cloud: MadeUpCloud, token: str) -> None:
        ours = get(cloud, BACKUPS, token).json()["backupList"]
        theirs = get(cloud, f"/v1.0/{OTHER_PROJECT}/graphs/backups", token_of(cloud, OTHER_PROJECT)).json()[
            "backupList"
        ]
        assert {record["id"] for record in ours} & {record["id"] for record in theirs} == set()


class TestProcess:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_serves_plain_backups_until_told_to_end(self, number: int) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "ges_exporter.demo", "--backups", "25"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+", url)
            token = requests.post(f"{url}/v3/auth/tokens", json=login_body()).headers["X-Subject-Token"]
            answer = requests.get(
                f"{url}/v1.0/{PROJECT_ID}/graphs/backups?limit=100", headers={"X-Auth-Token": token}
            ).json()
            assert (answer["backupCount"], len(answer["backupList"])) == (25, 25)
            assert len(answer["backupList"][0]["id"]) == 36
            process.send_signal(number)
            assert process.communicate(timeout=10) == ("", "")
        finally:
            process.kill()
            process.communicate()
        assert process.returncode == 0

    def test_imports_nothing_of_the_exporter(self) -> None:
        code = "import sys, ges_exporter.demo.__main__; print(*sys.modules)"
        loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        ours = {name for name in loaded if name.startswith("ges_exporter.") and ".demo" not in name}
        assert ours == set()
        foreign = {"requests", "urllib3", "prometheus_client", "huaweicloudsdkcore", "yaml", "structlog"}
        assert foreign & set(loaded) == set()
