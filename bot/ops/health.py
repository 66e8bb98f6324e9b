"""A small server for who watches the bot: `/healthz` for an orchestrator, `/metrics` for Prometheus."""

from __future__ import annotations

import logging
import socket
import socketserver
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from bot.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bot.ops.metrics import Metrics

log = logging.getLogger(__name__)

PLAIN: Final = "text/plain; charset=utf-8"

SLOW_SECONDS: Final = 10.0
"""How long a client may be silent before its connection is closed."""

STOP_SECONDS: Final = 0.1
"""How often the server looks whether it is to stop."""

Answer = tuple[HTTPStatus, str, bytes]
"""The status, the media type and the body."""


class Status:
    """Serves between `with` and its end, in threads of its own."""

    def __init__(
        self, host: str, port: int, *, problems: Callable[[], Sequence[str]], metrics: Metrics
    ) -> None:
        """`problems` says what is wrong now, nothing when all is well; port 0 is any that is free."""
        self.port = port
        self._host = host
        self._problems = problems
        self._metrics = metrics

    def __enter__(self) -> Self:
        """UserError where the port cannot be used; from here on `port` is the real one."""
        pages = {"/healthz": self._health, "/metrics": self._measured}
        try:
            self._server = _Server(self._host, self.port, pages)
        except OSError as error:
            raise UserError(
                f"Port {self.port} of {self._host} cannot be used: {error.strerror}.", "Choose another one."
            ) from error
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(STOP_SECONDS,), name="status", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _health(self) -> Answer:
        problems = self._problems()
        status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
        said = "\n".join(problems or ["ok"])
        return status, PLAIN, f"{said}\n".encode(errors="replace")

    def _measured(self) -> Answer:
        return HTTPStatus.OK, self._metrics.content_type, self._metrics.text()


class _Server(ThreadingHTTPServer):
    def __init__(self, host: str, port: int, pages: Mapping[str, Callable[[], Answer]]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.pages = pages
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # http.server's own asks DNS for a name of this host, which may take long and is not used here
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        del request
        # the answers' own failures were met before; what is left is a client that went away
        log.debug("the connection of %s ended early", client_address, exc_info=True)  # noqa: LOG014 - called within one


class _Handler(BaseHTTPRequestHandler):
    timeout: ClassVar[float] = SLOW_SECONDS
    server: _Server

    def do_GET(self) -> None:
        status, kind, body = self._answer(self.path.partition("?")[0])
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def _answer(self, path: str) -> Answer:
        page = self.server.pages.get(path)
        if page is None:
            return HTTPStatus.NOT_FOUND, PLAIN, b"There are /healthz and /metrics.\n"
        try:
            return page()
        except Exception:  # whoever asks next is to be answered again
            log.exception("%s could not be answered", path)
            return HTTPStatus.INTERNAL_SERVER_ERROR, PLAIN, b"This could not be answered; the log says why.\n"

    def version_string(self) -> str:
        return "tls-audit"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        log.debug(format, *args)
