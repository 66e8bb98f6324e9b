"""Sources read ahead: their contents, while those before are being split."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Final

from bot.archive import content
from bot.archive.sources import S3_READERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bot.archive.content import Pieces, Text
    from bot.archive.sources import Source

    Content = bytes | Iterator[Text]  # a short text; or the texts of what is long or holds several

MB: Final = 1 << 20
AHEAD_BYTES: Final = 4 * MB  # of files being read ahead, as stored: logs inflate 7 to 20 times
DISK_READERS: Final = 2  # inflating keeps one busy while the other reads


def read_ahead(sources: Sequence[Source], pieces: Pieces) -> Iterator[tuple[Source, Future[Content]]]:
    """Every source in turn, with its content being read in other threads. `result()` may raise Unusable or
    NoLog, and so may the texts when they are read."""
    remote = any(source.name.startswith("s3://") for source in sources)
    readers = S3_READERS if remote else DISK_READERS
    pool = ThreadPoolExecutor(readers)
    waiting: deque[tuple[Source, Future[Content]]] = deque()
    weight = 0
    try:
        for source in sources:
            while waiting and (len(waiting) > readers or weight + source.size > AHEAD_BYTES):
                weight -= waiting[0][0].size
                yield waiting.popleft()
            waiting.append((source, pool.submit(_content, source, pieces)))
            weight += source.size
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


def _content(source: Source, pieces: Pieces) -> Content:
    texts = content.texts(source.read(pieces.block), pieces)
    first = next(texts, b"")
    if not isinstance(first, bytes):
        return chain([first], texts)
    second = next(texts, None)
    return first if second is None else chain([first, second], texts)
