"""Connections by thread: each thread of a process gets its own on first use, and none is shared across a fork.

The rule: a connection inherited from a parent process is never used and never closed, since both would reach the
parent's session; it is only kept from being collected.
"""

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar


class Closing(Protocol):
    """Anything with a `close`."""

    def close(self) -> None:
        """Give it back to the system."""
        ...


C = TypeVar("C", bound=Closing)


class ThreadConnections(Generic[C]):
    """One connection for each thread that asks; those of ended threads are closed when another thread begins."""

    __slots__ = ("_all", "_connect", "_inherited", "_local", "_lock", "_pid")

    def __init__(self, connect: Callable[[], C]) -> None:
        self._connect = connect
        self._inherited: list[Any] = []
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._local = threading.local()
        self._all: list[tuple[threading.Thread, C]] = []

    def get(self) -> C:
        """The connection of the calling thread."""
        if self._pid != os.getpid():
            self._inherited.append((self._all, self._local))
            self._begin()
        found: C | None = getattr(self._local, "connection", None)
        return self._opened() if found is None else found

    def _opened(self) -> C:
        with self._lock:
            ended = [c for thread, c in self._all if not thread.is_alive()]
            self._all = [(thread, c) for thread, c in self._all if thread.is_alive()]
        for old in ended:
            old.close()
        connection = self._connect()
        self._local.connection = connection
        with self._lock:
            self._all.append((threading.current_thread(), connection))
        return connection

    def drop(self, connection: C) -> None:
        """Close a connection that is broken; its thread gets a new one when it asks again."""
        if getattr(self._local, "connection", None) is connection:
            del self._local.connection
        with self._lock:
            self._all = [(thread, c) for thread, c in self._all if c is not connection]
        connection.close()

    def close(self) -> None:
        """Close all of this process; whoever asks again gets a new one."""
        if self._pid != os.getpid():
            return
        with self._lock:
            every, self._all, self._local = self._all, [], threading.local()
        for _, connection in every:
            connection.close()
