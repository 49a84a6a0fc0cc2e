"""Threads: how many there are, and that they go when there is nothing left to do.

Not the standard library's pool: its threads are waited for when the interpreter ends, and one that waits for a name
server would hold up the end of the process; and they stay once made, so that a storm leaves them behind for good.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Crew:
    """Runs tasks on at most `size` threads, which end when no task is waiting."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._threads = 0

    def submit(self, task: Callable[[], T]) -> "Future[T]":
        """Run the task on a thread as soon as one is free; the future carries its result or exception."""
        future: Future[T] = Future()
        with self._lock:
            self._waiting.append((future, task))
            hire = self._threads < self._size
            self._threads += hire
        if hire:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._threads -= 1
                    return
                future, task = self._waiting.popleft()
            _run(future, task)
            del future, task  # or the last result would live as long as this thread waits


def _run(future: "Future[Any]", task: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(task())
    except BaseException as error:  # noqa: BLE001  # whoever waits for the future gets it
        future.set_exception(error)
