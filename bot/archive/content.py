"""What a file holds, by its first bytes: packed or plain, and its text as UTF-8.

gzip, bzip2, xz, zstd; zip and tar, of which every member is a file again; Parquet, of which every row is a
line of JSON; UTF-8, UTF-16 and UTF-32, with a byte order mark or without. One in another, a few levels deep.
Memory is bounded whatever comes: a text is either short or its blocks, which are read one by one.
"""

from __future__ import annotations

import bz2
import codecs
import lzma
import re
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, cast

from bot.archive.events import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Text = (
        bytes | Iterator[bytes]
    )  # a text in UTF-8; a long one is its blocks, to be read before the next text

MB: Final = 1 << 20
WHOLE_BYTES: Final = 48 * MB  # of text; a longer one is its blocks. CloudTrail's own files stay far below
BLOCK_BYTES: Final = 8 * MB
IN_MEMORY_BYTES: Final = 32 * MB  # of a zip or a Parquet file, which need to be read from their end
LEVELS: Final = 4  # .json.gz in .tar in .zip is three
RATIO: Final = 500  # logs inflate 7 to 20 times, the most alike some 150
FREE_BYTES: Final = 16 * MB  # of text, whatever its ratio
HEAD_BYTES: Final = 512  # where a tar says what it is

GZIP, BZIP2, XZ, ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"
ZIP, PARQUET_MAGIC, TAR, TAR_AT = (b"PK\x03\x04", b"PK\x05\x06"), b"PAR1", b"ustar", 257
CONTROL_BYTES: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # no text has these; ESC colours some
MAC: Final = (b"\x00\x05\x16\x07", b"\x00\x00\x00\x01Bud1")  # what macOS writes beside files and in folders
BOMS: Final = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


@dataclass(frozen=True, slots=True)
class Pieces:
    """In what pieces a text is taken, in bytes: `whole` where it is no longer; else in blocks of `block`."""

    whole: int = WHOLE_BYTES
    block: int = BLOCK_BYTES


PIECES: Final = Pieces()


class NoLog(Exception):
    """The file is something else, and nobody misses it; the message names its kind."""


def texts(stored: Iterable[bytes], pieces: Pieces = PIECES) -> Iterator[Text]:
    """The texts in a file, of which `stored` are the bytes. Unusable or NoLog where it has none, or has no
    more: what came before may be cut short, and is not to be used."""
    return _unpack(iter(stored), _Meter(pieces), LEVELS)


class _Meter:
    """In what pieces a file is taken; counts what goes in and what comes out, so that a small file cannot
    fill the machine."""

    def __init__(self, pieces: Pieces) -> None:
        self.pieces = pieces
        self.stored = self.inflated = 0

    def fed(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self.stored += len(block)
            yield block

    def drawn(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self.inflated += len(block)
            if self.inflated > FREE_BYTES + self.stored * RATIO:
                raise Unusable(f"it inflates to more than {RATIO} times its size")
            yield block


def _unpack(blocks: Iterator[bytes], meter: _Meter, levels: int) -> Iterator[Text]:
    blocks = meter.fed(blocks) if levels == LEVELS else blocks
    head, blocks = _peek(blocks)
    inflate = _inflater(head)
    is_zip, is_tar = head.startswith(ZIP), head[TAR_AT:].startswith(TAR)
    if not levels and (inflate or is_zip or is_tar):
        raise Unusable(f"it is packed more than {LEVELS} times over")
    if inflate:
        yield from _unpack(meter.drawn(inflate(blocks, meter.pieces.block)), meter, levels - 1)
    elif is_zip:
        yield from _from_zip(blocks, meter, levels - 1)
    elif is_tar:
        yield from _from_tar(blocks, meter, levels - 1)
    elif head.startswith(PARQUET_MAGIC):
        yield from _from_parquet(blocks)
    elif head.startswith(MAC):
        raise NoLog("file of macOS")
    elif not head:
        raise NoLog("empty file")
    else:
        yield _text(_in_utf8(head, blocks), meter.pieces.whole)


def _peek(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    first: list[bytes] = []
    size = 0
    for block in blocks:
        first.append(block)
        size += len(block)
        if size >= HEAD_BYTES:
            break
    return b"".join(first)[:HEAD_BYTES], chain(first, blocks)


def _text(blocks: Iterator[bytes], whole: int) -> Text:
    head: list[bytes] = []
    size = 0
    for block in blocks:
        head.append(block)
        size += len(block)
        if size > whole:
            return chain(head, blocks)
    return b"".join(head)


def _in_utf8(head: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    bom = next((mark for mark in BOMS if head.startswith(mark)), b"")
    coding = BOMS.get(bom) or _coding(head)
    if not coding:
        raise Unusable("it is neither text nor packed in a way that is known here")
    if coding == "utf-8":
        first = next(blocks)
        yield first.removeprefix(bom)
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(coding)("replace")
    for block in blocks:
        yield decoder.decode(block).removeprefix("\ufeff").encode()
    yield decoder.decode(b"", final=True).encode()


def _coding(head: bytes) -> str:
    """The coding of a text without a mark, by where its first bytes are zero; nothing where it is no text."""
    if head.lstrip()[:1] in {b"{", b"["} and b"\0" not in head[:4]:
        return "utf-8"  # whatever else is in it
    if not CONTROL_BYTES.search(head):
        return "utf-8"
    zeros = bytes(byte == 0 for byte in head[:4])
    by_zeros = {
        b"\0\1\0\1": "utf-16-le",
        b"\1\0\1\0": "utf-16-be",
        b"\0\1\1\1": "utf-32-le",
        b"\1\1\1\0": "utf-32-be",
    }
    return by_zeros.get(zeros, "")


# --- packed as a whole


def _inflater(head: bytes) -> Any:
    if head.startswith(GZIP):
        return _gzip
    if head.startswith(BZIP2):
        return _bzip2
    if head.startswith(XZ):
        return _xz
    return _zstd if head.startswith(ZSTD) else None


def _gzip(blocks: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The text of gzip members one after another, in blocks of `most` bytes at most."""
    from isal import igzip_lib

    member: Any = None
    try:
        for block in blocks:
            rest = block
            while rest:
                member = member or igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
                yield member.decompress(rest, max_length=most)
                while not member.eof and not member.needs_input:
                    yield member.decompress(b"", max_length=most)
                rest = b""
                if member.eof:
                    rest, member = member.unused_data.lstrip(b"\0"), None  # zeros may pad the end
    except igzip_lib.IsalError as error:  # type: ignore[misc] # its stub calls it an instance
        raise Unusable(f"its gzip data is damaged ({error})") from error
    if member:
        raise Unusable("its gzip data is cut short")


def _bzip2(blocks: Iterable[bytes], most: int) -> Iterator[bytes]:
    return _members(blocks, bz2.BZ2Decompressor, "bzip2", most)


def _xz(blocks: Iterable[bytes], most: int) -> Iterator[bytes]:
    return _members(blocks, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=128 * MB), "xz", most)


def _members(blocks: Iterable[bytes], make: Any, name: str, most: int) -> Iterator[bytes]:
    member: Any = None
    try:
        for block in blocks:
            rest = block
            while rest:
                member = member or make()
                yield member.decompress(rest, most)
                while not member.eof and not member.needs_input:
                    yield member.decompress(b"", most)
                rest = b""
                if member.eof:
                    rest, member = member.unused_data.lstrip(b"\0"), None
    except (OSError, lzma.LZMAError, EOFError, ValueError) as error:
        raise Unusable(f"its {name} data is damaged ({error})") from error
    if member:
        raise Unusable(f"its {name} data is cut short")


def _zstd(blocks: Iterable[bytes], most: int) -> Iterator[bytes]:
    import zstandard

    whole = zstandard.ZstdDecompressor(max_window_size=128 * MB)
    try:
        with whole.stream_reader(cast("IO[bytes]", _Blocks(blocks)), read_across_frames=True) as reader:
            while block := reader.read(most):
                yield block
    except zstandard.ZstdError as error:
        raise Unusable(f"its zstd data is damaged ({error})") from error


class _Blocks:
    """Blocks as a file that is read from its beginning."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self.blocks = iter(blocks)
        self.rest = b""

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self.rest) < size:
            block = next(self.blocks, b"")
            if not block:
                break
            self.rest += block
        taken, self.rest = (self.rest, b"") if size < 0 else (self.rest[:size], self.rest[size:])
        return taken


# --- files in files


def _spooled(blocks: Iterator[bytes]) -> IO[bytes]:
    file = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
    for block in blocks:
        file.write(block)
    file.seek(0)
    return file


def _blocks_of(file: IO[bytes], most: int) -> Iterator[bytes]:
    while block := file.read(most):
        yield block


def _members_texts(members: Iterator[IO[bytes]], meter: _Meter, levels: int) -> Iterator[Text]:
    """The texts of all members that are logs; NoLog if none is."""
    kind, any_log = "empty file", False
    for member in members:
        try:
            yield from _unpack(meter.drawn(_blocks_of(member, meter.pieces.block)), meter, levels)
            any_log = True
        except NoLog as no_log:
            kind = str(no_log)
    if not any_log:
        raise NoLog(kind)


def _from_zip(blocks: Iterator[bytes], meter: _Meter, levels: int) -> Iterator[Text]:
    with _spooled(blocks) as file:
        try:
            with zipfile.ZipFile(file) as packed:
                files = (packed.open(each) for each in packed.infolist() if not each.is_dir())
                yield from _members_texts(files, meter, levels)
        except RuntimeError as error:  # what zipfile raises for want of a password
            raise Unusable("its zip needs a password") from error
        except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError) as error:
            raise Unusable(f"its zip is damaged ({error})") from error


def _from_tar(blocks: Iterator[bytes], meter: _Meter, levels: int) -> Iterator[Text]:
    try:
        with tarfile.open(fileobj=_Blocks(blocks), mode="r|") as packed:  # type: ignore[call-overload]  # it only reads
            files = (file for each in packed if each.isreg() and (file := packed.extractfile(each)))
            yield from _members_texts(files, meter, levels)
    except (tarfile.TarError, EOFError) as error:
        raise Unusable(f"its tar is damaged ({error})") from error


def _from_parquet(blocks: Iterator[bytes]) -> Iterator[Text]:
    from bot.archive import parquet

    with tempfile.TemporaryDirectory(prefix="tls-audit-") as folder:
        file = Path(folder) / "rows.parquet"
        with file.open("wb") as copy:
            for block in blocks:
                copy.write(block)
        for rows in parquet.as_json(file, Path(folder)):
            yield b"\n".join(rows)
