import pytest
from structlog.testing import capture_logs

from ges_exporter.clock import Clock, Deadline
from ges_exporter.errors import CredentialsUnusable
from ges_exporter.refusals import Refusals

KEY = ("aksk", "https://ges.test", "AK", "the-secret")


class Time:
    def __init__(self) -> None:
        self.now = 0.0
        self.clock = Clock(monotonic=lambda: self.now, wall=lambda: self.now + 1_700_000_000)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def refusals(time: Time) -> Refusals:
    return Refusals(time.clock)


def may_try(refusals: Refusals, time: Time, key: tuple[str, ...] = KEY, project: str = "p") -> bool:
    try:
        with refusals.attempt("list_backups", key, project, Deadline.after(1, time.clock)):
            return True
    except CredentialsUnusable:
        return False


def test_a_refusal_rests_for_a_minute_doubling_to_a_quarter_of_an_hour(refusals: Refusals, time: Time) -> None:
    rests = []
    for _ in range(6):
        refusals.refused(KEY, "p", "HTTP 401")
        begun = time.now
        while not may_try(refusals, time):
            time.now += 1
        rests.append(time.now - begun)
    assert rests == [60, 120, 240, 480, 900, 900]


def test_new_content_may_be_tried_at_once(refusals: Refusals, time: Time) -> None:
    refusals.refused(KEY, "p", "HTTP 401")
    assert may_try(refusals, time, ("aksk", "https://ges.test", "AK", "another-secret"))


def test_projects_with_one_key_share_its_rest(refusals: Refusals, time: Time) -> None:
    refusals.refused(KEY, "p", "HTTP 401")
    assert not may_try(refusals, time, project="q")


def test_the_project_that_was_refused_lets_the_others_go_first(refusals: Refusals, time: Time) -> None:
    refusals.refused(KEY, "p", "HTTP 401")
    assert not may_try(refusals, time, project="q")
    time.now = 61
    assert not may_try(refusals, time, project="p")
    assert may_try(refusals, time, project="q")


def test_acceptance_ends_the_rest_and_the_doubling(refusals: Refusals, time: Time) -> None:
    refusals.refused(KEY, "p", "HTTP 401")
    refusals.accepted(KEY)
    assert may_try(refusals, time)
    refusals.refused(KEY, "p", "HTTP 401")
    time.now = 60
    assert may_try(refusals, time)


def test_the_error_says_until_when_and_shows_no_secret(refusals: Refusals, time: Time) -> None:
    refusals.refused(KEY, "p", "HTTP 401")
    with (
        pytest.raises(CredentialsUnusable, match="not tried again until 2023-11-14T22:14:20Z") as caught,
        refusals.attempt("list_backups", KEY, "p", Deadline.after(1, time.clock)),
    ):
        pass
    assert "the-secret" not in str(caught.value)


def test_the_log_says_until_when(refusals: Refusals) -> None:
    with capture_logs() as lines:
        refusals.refused(KEY, "p", "HTTP 401")
    assert [line["until"] for line in lines] == ["2023-11-14T22:14:20Z"]
