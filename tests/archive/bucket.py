"""A stand-in for S3 that can do what moto cannot: objects that are archived, denied, or gone when read."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Object:
    """Its bytes; its storage class; the status, code and words with which S3 refuses it, if it does."""

    data: bytes
    storage: str = "STANDARD"
    refusal: tuple[int, str, str] | None = None
    is_restored: bool = False
    modified: str = "2026-11-28T00:00:00.000Z"

    @property
    def etag(self) -> str:
        return hashlib.sha256(self.data).hexdigest()[:32]


@dataclass
class Bucket:
    """Objects by key, the keys that were asked for, and how many listings, of `page` objects at most."""

    objects: dict[str, Object] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    listings: int = 0
    page: int = 1_000
    in_place: tuple[int, str] | None = None
    """The status and the text of what is answered in place of listings, where it lists nothing."""

    def listing(self, prefix: str, after: str) -> str:
        self.listings += 1
        keys = [key for key in sorted(self.objects) if key.startswith(prefix) and key > after]
        more = len(keys) > self.page
        token = (
            f"<NextContinuationToken>{escape(keys[self.page - 1])}</NextContinuationToken>" if more else ""
        )
        items = [
            f"<Contents><Key>{escape(key)}</Key><Size>{len(each.data)}</Size>"
            f"<ETag>&quot;{each.etag}&quot;</ETag>"
            f"<LastModified>{each.modified}</LastModified><StorageClass>{each.storage}</StorageClass>"
            + (
                "<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>"
                "<RestoreExpiryDate>2026-12-31T00:00:00.000Z</RestoreExpiryDate></RestoreStatus>"
                if each.is_restored
                else ""
            )
            + "</Contents>"
            for key in keys[: self.page]
            for each in [self.objects[key]]
        ]
        is_truncated = f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{token}"
        return f"<ListBucketResult>{is_truncated}{''.join(items)}</ListBucketResult>"


@contextmanager
def serving() -> Iterator[Bucket]:
    """A bucket of any name, at its `url`."""
    bucket = Bucket()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            if "list-type" in query:
                if bucket.in_place:
                    status, words = bucket.in_place
                    self.answer(status, words.encode())
                    return
                after = query.get("continuation-token", query.get("start-after", [""]))[0]
                self.answer(200, bucket.listing(query.get("prefix", [""])[0], after).encode())
                return
            key = unquote(parts.path).lstrip("/").partition("/")[2]
            bucket.asked.append(key)
            found = bucket.objects.get(key)
            refusal = (404, "NoSuchKey", "The specified key does not exist.") if not found else found.refusal
            if refusal:
                status, code, words = refusal
                self.answer(status, f"<Error><Code>{code}</Code><Message>{words}</Message></Error>".encode())
            elif found:
                self.answer(200, found.data)

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing is said."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    bucket.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield bucket
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
