"""Together: whoever comes while something is written is written with the others, next."""

from __future__ import annotations

from threading import Event, Thread

import pytest

from bot.store.together import Together


class Disk:
    """Each write waits until the test says so."""

    def __init__(self) -> None:
        self.written: list[list[int]] = []
        self.begun, self.go = Event(), Event()

    def write(self, values: list[int]) -> None:
        self.begun.set()
        self.go.wait()
        self.written.append(sorted(values))
        if -1 in values:
            raise ValueError("not this one")


@pytest.fixture
def disk() -> Disk:
    return Disk()


def test_each_is_written_once_and_in_few_writes(disk: Disk) -> None:
    together = Together(disk.write)
    threads = [Thread(target=together.add, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    disk.begun.wait()
    disk.go.set()
    for thread in threads:
        thread.join()
    assert sorted(value for batch in disk.written for value in batch) == list(range(32))
    assert len(disk.written) < len(threads)


def test_what_fails_is_told_to_all_that_came_together_and_to_nobody_after(disk: Disk) -> None:
    together = Together(disk.write)
    disk.go.set()
    with pytest.raises(ValueError, match="not this one"):
        together.add(-1)
    together.add(1)
    assert disk.written == [[-1], [1]]
