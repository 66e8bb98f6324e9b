"""Proxy: the line between a replica and its database, that can be cut and mended."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self

CHUNK = 1 << 16


class Proxy:
    """Forwards connections on loopback to `port`, between `with` and its end."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._flows = threading.Event()
        self._flows.set()
        self._is_cut = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._flows.set()
        self._listening.close()

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        self._is_cut = True
        for pair in self._pairs:
            for one in pair:
                _end(one)

    def hang(self) -> None:
        """Let nothing through, and say nothing."""
        self._flows.clear()

    def mend(self) -> None:
        """Forward again, also what was kept back."""
        self._is_cut = False
        self._flows.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                if self._is_cut:
                    _end(here)
                    continue
                there = socket.create_connection(("127.0.0.1", self._to))
                self._pairs.append((here, there))
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=self._forward, args=(one, other), daemon=True).start()

    def _forward(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := one.recv(CHUNK):
                self._flows.wait()
                other.sendall(chunk)
        for each in (one, other):
            _end(each)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
