"""Fields of the wire that come in more than one form: what each of them says, or that it says nothing.

Integers and digit strings are both taken; null, "", 0 and what is missing mean that nobody knows. Whatever cannot be
read raises WrongShapeError, whose message names the field and shows no content.
"""

import math
import re
from datetime import UTC, datetime

import msgspec

from ges_exporter.envelope import Fields, WrongShapeError

Number = int | float | str | None
Text = str | int | None

_LATEST = 253402300799.0  # the end of the year 9999, in seconds: what lies behind it is no time
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_LARGEST_COUNT = 2**53  # what lies above it is no count, and no float holds it


def count_in(fields: Fields, key: str) -> int:
    """Return the count under a key."""
    if key not in fields:
        raise WrongShapeError(f"there is no {key}")
    try:
        value = msgspec.json.decode(fields[key], type=int | str | None)
    except msgspec.DecodeError:
        value = None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < len(str(_LARGEST_COUNT)):
        value = int(value)
    if not isinstance(value, int) or not 0 <= value <= _LARGEST_COUNT:
        raise WrongShapeError(f"{key} is not a count")
    return value


def text(value: Text) -> str:
    """Return a text; empty where there is none."""
    return "" if value is None else str(value)


def required(value: Text, name: str) -> str:
    """Return a text that has to be there."""
    found = text(value)
    if not found:
        raise WrongShapeError(f"no {name}")
    return found


def number(value: Number, name: str) -> float | None:
    """Return the number, or None where null, "", 0, missing or negative say that nobody knows it."""
    if value is None or value == "":
        return None
    try:
        found = float(value) if not isinstance(value, str) or _DECIMAL.fullmatch(value) else math.nan
    except OverflowError:
        found = math.nan
    if not math.isfinite(found):
        raise WrongShapeError(f"{name} is not a number")
    return found if found > 0 else None


def time(value: Number, name: str) -> float | None:
    """Return seconds since 1970 from the API's milliseconds, or None where unknown."""
    milliseconds = number(value, name)
    if milliseconds is None:
        return None
    if milliseconds / 1000 > _LATEST:
        raise WrongShapeError(f"{name} is not a time")
    return milliseconds / 1000


def start(value: Number, name: str) -> float:
    """Return seconds since 1970 of a time that has to be there."""
    moment = time(value, name)
    if moment is None:
        raise WrongShapeError(f"no {name}")
    return moment


def created(value: Number) -> float | None:
    """Return seconds since 1970 from "2018-07-23T04:09:44" (UTC, no zone written), or None where unknown."""
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
