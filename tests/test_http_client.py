from typing import Any

import pytest
import requests_mock

from ges_exporter.clock import Clock, Deadline
from ges_exporter.errors import (
    AnswerTooLarge,
    CallRefused,
    CloudError,
    ConnectionFailed,
    MalformedAnswer,
)
from ges_exporter.http_client import Allowance, Call, HTTPClient
from ges_exporter.pacing import Pacer
from ges_exporter.telemetry import Telemetry

URL = "https://ges.test/v1.0/p/graphs/backups"
HURRIED = Clock(sleep=lambda _: None)


def call(
    cloud: requests_mock.Mocker, *, seconds: float = 10, allowance: Allowance | None = None, secret: str = ""
) -> CloudError | str:
    """Send one call; return its error, or the text it read."""
    client = HTTPClient(telemetry=Telemetry(), pacer=Pacer(1000), clock=HURRIED)
    request = Call("list_backups", "GET", URL, secrets=(secret,) if secret else ())
    with cloud:
        try:
            return client.call(
                request, lambda answer: answer.body.decode(), Deadline.after(seconds), allowance or Allowance()
            )
        except CloudError as error:
            return error


def answering(**answer: Any) -> requests_mock.Mocker:
    cloud = requests_mock.Mocker()
    cloud.get(URL, **answer)
    return cloud


class TestErrorBodies:
    """Four shapes, any of them from any call, sometimes inside a success."""

    @pytest.mark.parametrize("status", [200, 400, 403])
    @pytest.mark.parametrize(
        ("body", "code", "message"),
        [
            ({"errorCode": "GES.7006", "errorMessage": "engine"}, "GES.7006", "engine"),
            ({"error_code": "GES.0047", "error_msg": "no"}, "GES.0047", "no"),
            ({"error_code": "APIGW.0301", "error_msg": "who", "request_id": "r1"}, "APIGW.0301", "who"),
            ({"error": {"code": 401, "message": "login", "title": "Unauthorized"}}, "401", "login"),
        ],
    )
    def test_each_shape_is_understood(self, status: int, body: object, code: str, message: str) -> None:
        error = call(answering(status_code=status, json=body))
        assert isinstance(error, CallRefused)
        assert (status, code, message) == (error.status, error.error_code, error.error_message)

    def test_an_empty_error_code_is_none(self) -> None:
        assert call(answering(text='{"errorCode": "", "error_code": null}')) == '{"errorCode": "", "error_code": null}'

    def test_a_secret_that_the_cloud_repeats_is_not_shown(self) -> None:
        error = call(answering(status_code=403, json={"error_msg": "token abc-secret\nis bad"}), secret="abc-secret")
        assert "abc-secret" not in str(error)
        assert "\n" not in str(error)


class TestTries:
    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    def test_what_says_not_now_is_tried_three_times(self, status: int) -> None:
        cloud = answering(status_code=status)
        error = call(cloud)
        assert isinstance(error, CallRefused)
        assert (cloud.call_count, error.out_of_time) == (3, False)

    @pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 501])
    def test_what_is_final_is_tried_once(self, status: int) -> None:
        cloud = answering(status_code=status, headers={"Location": "https://elsewhere.test/"})
        assert isinstance(call(cloud), CallRefused)
        assert cloud.call_count == 1

    def test_retry_after_behind_the_deadline_is_final_at_once_and_says_that_time_was_short(self) -> None:
        cloud = answering(status_code=429, headers={"Retry-After": "30"})
        error = call(cloud, seconds=2)
        assert isinstance(error, CallRefused)
        assert (cloud.call_count, error.out_of_time) == (1, True)

    def test_a_second_try_can_succeed(self) -> None:
        cloud = requests_mock.Mocker()
        cloud.get(URL, [{"status_code": 503}, {"text": "{}"}])
        assert call(cloud) == "{}"

    def test_a_failed_connection_is_tried_three_times(self) -> None:
        cloud = answering(exc=ConnectionRefusedError(111, "Connection refused"))
        error = call(cloud)
        assert isinstance(error, ConnectionFailed)
        assert (cloud.call_count, error.reason) == (3, "connection refused")


class TestBodies:
    @pytest.mark.parametrize("text", ["<html></html>", "[]", "null", "", '{"a": NaN}', '{"a"'])
    def test_what_is_no_object_is_malformed(self, text: str) -> None:
        assert isinstance(call(answering(text=text)), MalformedAnswer)

    def test_bytes_beyond_the_allowance_are_refused_and_given_back(self) -> None:
        allowance = Allowance(1000)
        assert isinstance(call(answering(text='{"a": "' + "x" * 2000 + '"}'), allowance=allowance), AnswerTooLarge)
        assert allowance.take(1000)
