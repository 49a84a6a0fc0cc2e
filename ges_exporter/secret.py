"""Secrets: values that never show themselves, from the config or from a file that may change at any time."""

import threading
from pathlib import Path

import structlog

from ges_exporter.errors import printable

_log = structlog.get_logger()


class Secret:
    """A secret written in the config itself (or taken from the environment)."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def read(self) -> str:
        """Return the secret."""
        return self._value


class SecretFile(Secret):
    """A secret in a file: read at each use; the last value stays while the file cannot be read.

    It is small and read as often as a request is sent, so its times are not compared: two writes within one tick of the
    file system's clock would look like one.
    """

    __slots__ = ("_lock", "_problem", "path")

    def __init__(self, path: Path) -> None:
        """Read the file for the first time.

        Raises:
            ValueError: it cannot be read or holds nothing; the message is one line and shows no content.
        """
        self.path = path
        self._lock = threading.Lock()
        self._problem = ""
        super().__init__(_content(path))

    def read(self) -> str:
        """Return what the file holds now, without the newline at its end; else what it held last."""
        with self._lock:
            try:
                self._value = _content(self.path)
            except ValueError as error:
                self._say_once(str(error))
            else:
                self._problem = ""
            return self._value

    def _say_once(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            _log.warning("secret file cannot be used, its last value stays", reason=problem)


def _content(path: Path) -> str:
    try:
        value = path.read_bytes().decode().rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"cannot read {printable(path)}: {error.strerror}") from None
    except ValueError:  # bytes that are no UTF-8, or a NUL in the path
        raise ValueError(f"{printable(path)} is not UTF-8 text") from None
    if not value:
        raise ValueError(f"{printable(path)} is empty")
    return value
