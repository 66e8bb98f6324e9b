"""A small server for who watches the bot: `/healthz` for an orchestrator, `/metrics` for Prometheus."""

from __future__ import annotations

import io
import logging
import socket
import socketserver
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from bot.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

SLOW_SECONDS: Final = 10.0
"""How long a client may be silent before its connection is closed."""

STOP_LOOK_SECONDS: Final = 0.1
"""How often the server looks whether it is to stop."""


Answer = tuple[str, list[tuple[str, str]], bytes]
"""The status line, the headers that the page itself chose, and the body."""


class Status:
    """Serves between `with` and its end, in threads of its own."""

    def __init__(
        self, host: str, port: int, *, problems: Callable[[], Sequence[str]], metrics: WSGIApplication
    ) -> None:
        """`problems` says what is wrong now, nothing when all is well; port 0 is any that is free."""
        self.port = port
        self._host = host
        self._pages = _Pages(problems, metrics)

    def __enter__(self) -> Self:
        """UserError where the port cannot be used; from here on `port` is the real one."""
        try:
            self._server = _Server(self._host, self.port)
        except OSError as error:
            raise UserError(
                f"Port {self.port} of {self._host} cannot be used: {error.strerror}.", "Choose another one."
            ) from error
        self._server.set_app(self._pages)
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(STOP_LOOK_SECONDS,), name="status", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Pages:
    """The WSGI application: two pages to read, and nothing else."""

    def __init__(self, problems: Callable[[], Sequence[str]], metrics: WSGIApplication) -> None:
        self._problems = problems
        self._metrics = metrics

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        try:
            if method not in ("GET", "HEAD"):
                status, kind, body = _plain(HTTPStatus.NOT_IMPLEMENTED, "Only GET and HEAD are answered.")
            elif path == "/healthz":
                status, kind, body = self._health()
            elif path == "/metrics":
                status, kind, body = self._measured(environ)
            else:
                status, kind, body = _plain(HTTPStatus.NOT_FOUND, "There are /healthz and /metrics.")
        except Exception:  # whoever asks next is to be answered again
            log.exception("%s could not be answered", path)
            status, kind, body = _plain(
                HTTPStatus.INTERNAL_SERVER_ERROR, "This could not be answered; the log says why."
            )
        length = ("Content-Length", str(len(body)))
        start_response(
            status, [*kind, length, ("X-Content-Type-Options", "nosniff"), ("Server", "tls-audit")]
        )
        return [] if method == "HEAD" else [body]

    def _health(self) -> Answer:
        problems = self._problems()
        status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
        return _plain(status, "\n".join(problems or ["ok"]))

    def _measured(self, environ: WSGIEnvironment) -> Answer:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], *_: object) -> Callable[[bytes], object]:
            started.append((status, headers))
            return len  # PEP 3333 wants a way to write early, which nobody uses

        body = b"".join(self._metrics({**environ, "REQUEST_METHOD": "GET"}, start))
        ((status, headers),) = started
        return status, headers, body


def _plain(status: HTTPStatus, text: str) -> Answer:
    kind = ("Content-Type", "text/plain; charset=utf-8")
    return f"{status} {status.phrase}", [kind], f"{text}\n".encode(errors="replace")


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # http.server's own asks DNS for a name of this host, which may take long and is not used here
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]
        self.setup_environ()

    def handle_error(self, request: object, client_address: object) -> None:
        del request
        # the answers' own failures were met before; what is left is a client that went away
        log.debug("the connection of %s ended early", client_address, exc_info=True)  # noqa: LOG014 - called within one


class _Handler(WSGIRequestHandler):
    timeout: ClassVar[float] = SLOW_SECONDS

    def get_environ(self) -> WSGIEnvironment:
        # the path as it was sent: decoded, `/%68ealthz` would be a second name of a page
        return {**super().get_environ(), "PATH_INFO": self.path.partition("?")[0]}

    def get_stderr(self) -> io.StringIO:
        # where wsgiref tells of a client that went away; stderr is for lines of JSON
        return io.StringIO()

    def version_string(self) -> str:
        return "tls-audit"  # for what is refused before it reaches the pages

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        log.debug(format, *args)
