"""Signatures, held against the known vector and the official signer."""

from urllib.parse import quote, urlencode

import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from ges_exporter.demo.signing import SignedRequest
from ges_exporter.signing import SignatureAuth, signature
from tests.signatures import official_signature

visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12)
any_text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
queries = st.lists(st.tuples(any_text.filter(bool), any_text), max_size=4, unique_by=lambda pair: pair[0])
segments = st.lists(any_text.filter(lambda text: text not in {"", ".", ".."}), min_size=1, max_size=4)


def test_the_known_vector() -> None:
    url = "https://ges.cn-north-4.myhuaweicloud.com/v1.0/PID/graphs/backups?offset=0&limit=2"
    headers = {"Host": "ges.cn-north-4.myhuaweicloud.com", "X-Sdk-Date": "20260101T000000Z"}
    expected = "90a88359b5421cefdb09c4d38ce1195ace8670916863fcce6ec94fe21e971a70"
    assert expected == signature("GET", url, headers, b"", "SKEXAMPLE")


@given(segments, queries, st.sampled_from(["GET", "PUT", "POST"]), st.dictionaries(
    st.sampled_from(["x-project-id", "x-security-token", "x-other"]), visible), visible)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_any_request_is_signed_as_the_official_signer_does(
    path: list[str], query: list[tuple[str, str]], method: str, extra: dict[str, str], secret_key: str
) -> None:
    decoded = "/" + "/".join(path)
    headers = {"host": "ges.example.com", "x-sdk-date": "20260101T000000Z", **extra}
    official = official_signature(
        SignedRequest(
            method=method,
            path=decoded,
            query=tuple(query),
            headers=headers,
            body=b"",
            access_key="AK",
            secret_key=secret_key,
        )
    )
    url = f"https://ges.example.com{quote(decoded)}?{urlencode(query)}"
    assert official == signature(method, url, headers, b"", secret_key)


def test_a_request_carries_the_date_the_project_and_the_security_token() -> None:
    auth = SignatureAuth("AK", "SK", project_id="p1", now=1767225600.0, security_token="temporary")
    request = requests.Request("GET", "https://ges.example.com/v2/p1/graphs", auth=auth).prepare()
    assert request.headers["X-Sdk-Date"] == "20260101T000000Z"
    assert request.headers["X-Project-Id"] == "p1"
    assert request.headers["X-Security-Token"] == "temporary"
    names = "SignedHeaders=host;x-project-id;x-sdk-date;x-security-token,"
    assert request.headers["Authorization"].startswith(f"SDK-HMAC-SHA256 Access=AK, {names} Signature=")
    assert "SK" not in request.headers["Authorization"].partition("Access=")[2]
