"""How the bot's process is set up."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

COUNTED = """
import ctypes, threading
from bot.cli import serve

if {shared}:
    serve.share_heaps()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fflush.argtypes = [ctypes.c_void_p]
together = threading.Barrier({threads} + 1)

def hold():
    held = [bytes(2000) for _ in range(100)]
    together.wait()
    together.wait()

for _ in range({threads}):
    threading.Thread(target=hold).start()
together.wait()
out = libc.fdopen(1, b"w")
libc.malloc_info(0, out)
libc.fflush(out)
together.wait()
"""
"""Prints what glibc says of its heaps while so many threads hold something."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what it limits is glibc's")
def test_all_threads_allocate_from_few_heaps() -> None:
    few = os.cpu_count() or 1

    def heaps(*, shared: bool) -> int:
        code = COUNTED.format(shared=shared, threads=few + 4)
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
        return said.stdout.count("<heap nr=")

    assert heaps(shared=False) > few
    assert heaps(shared=True) == few
