"""What every answer of the cloud has in common: one JSON object, or an error in one of four shapes.

The shapes (GES v1, GES v2, the API gateway, IAM) may come from any call, and sometimes inside a 200.
"""

import codecs
import re
from dataclasses import dataclass
from typing import Any

import msgspec

Fields = dict[str, msgspec.Raw]

_CHUNK = 64 * 1024
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)


class WrongShapeError(ValueError):
    """An answer or a record is not what the API documents; the message says in what, and shows no content."""


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an answer says of an error; each part may be empty."""

    code: str = ""
    message: str = ""
    request_id: str = ""


def envelope(body: bytes | bytearray) -> Fields:
    """Decode an answer's outermost object.

    Raises:
        WrongShapeError: the body is not UTF-8, not JSON, or not an object.
    """
    _check_utf8(body)
    try:
        return msgspec.json.decode(_without_lone_surrogates(body), type=Fields)
    except msgspec.ValidationError:
        raise WrongShapeError("the body is JSON, but not an object") from None
    except msgspec.DecodeError:
        raise WrongShapeError(f"the body is not JSON{_looks_like(body)}") from None
    except RecursionError:
        raise WrongShapeError("the body is nested too deep") from None


def error_of(fields: Fields) -> ErrorBody | None:
    """Return the error an answer carries, in whichever shape; None where it carries none."""
    code = _code_in(fields, "errorCode") or _code_in(fields, "error_code")
    message = text_in(fields, "errorMessage") or text_in(fields, "error_msg")
    request_id = text_in(fields, "request_id")
    if code:
        return ErrorBody(code, message, request_id)
    try:
        nested = msgspec.json.decode(fields.get("error", msgspec.Raw(b"null")), type=Fields | None)
    except (msgspec.DecodeError, RecursionError):
        nested = None
    if nested:
        return ErrorBody(text_in(nested, "code"), text_in(nested, "message"), request_id)
    return None


def error_in(body: bytes | bytearray) -> ErrorBody:
    """Return what the body of a failed call says; nothing where it says nothing that can be read."""
    try:
        fields = envelope(body)
    except WrongShapeError:
        return ErrorBody()
    return error_of(fields) or ErrorBody(
        "", text_in(fields, "errorMessage") or text_in(fields, "error_msg") or text_in(fields, "message")
    )


def text_in(fields: Fields, key: str) -> str:
    """Return the text (or the digits of the number) under a key; empty where there is none."""
    try:
        value: Any = msgspec.json.decode(fields.get(key, msgspec.Raw(b"null")), type=str | int | None)
    except (msgspec.DecodeError, RecursionError):
        return ""
    return "" if value is None else str(value)


def _code_in(fields: Fields, key: str) -> str:
    raw = bytes(memoryview(fields.get(key, msgspec.Raw(b"null")))[:64])
    return "" if raw in {b"null", b'""'} else text_in(fields, key) or "an error code that is no text"


def _check_utf8(body: bytes | bytearray) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(body)
    try:
        for start in range(0, len(view), _CHUNK):  # piece by piece: the text as a whole could be four times the body
            decoder.decode(bytes(view[start : start + _CHUNK]))
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise WrongShapeError("the body is not UTF-8") from None


def _without_lone_surrogates(body: bytes | bytearray) -> bytes | bytearray:
    r"""Replace the escapes of half characters (`\ud800` without its pair): no label and no log line can carry them."""
    if b"\\ud" not in body and b"\\uD" not in body:
        return body
    return _ESCAPES.sub(lambda match: rb"\ufffd" if match[1] else match[0], body)


def _looks_like(body: bytes | bytearray) -> str:
    return " but HTML" if body.lstrip()[:1] == b"<" else ""
