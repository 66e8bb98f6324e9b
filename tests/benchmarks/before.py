"""Questions beside an earlier commit: `python -m tests.benchmarks.before FOLDER [--events N] [--views A,B]`.

FOLDER is a work tree of that commit, with a `.venv` of its own. Each code asks an archive that it made itself
of the same logs, once, in a process that stays; they take turns, and who begins changes with every pair. The
ratios are medians over the pairs. The catalogue of views is read once, as a bot reads it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from tabulate import tabulate

from tests.benchmarks.ingest import CACHE, generated

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS: Final = Path(__file__).parents[2]
PAIRS: Final = 12
GOAL: Final = 1.1
"""At most this times what the commit before takes."""

ASKING: Final = """
import functools, sys, time
from pathlib import Path
from tests.benchmarks import query
query.views.load = functools.cache(query.views.load)
archive = query.filled(Path(sys.argv[1]), Path(sys.argv[2]))
print("ready", flush=True)
for line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    with query.ask(archive, line.strip()) as table:
        rows = sum(len(batch) for batch in table.batches())
    print(time.perf_counter() - wall, time.process_time() - cpu, rows, flush=True)
"""


class Asking:
    """One code, asking its archive: `Asking(folder, archive, logs)`."""

    def __init__(self, folder: Path, archive: Path, logs: Path) -> None:
        own = folder / ".venv" / "bin" / "python"
        command = [str(own if own.exists() else sys.executable), "-c", ASKING, str(archive), str(logs)]
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._line()

    def ask(self, text: str) -> tuple[float, float]:
        """The seconds, and those of the processor, that an answer took."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()
        wall, cpu, _ = self._line().split()
        return float(wall), float(cpu)

    def _line(self) -> str:
        assert self.process.stdout is not None
        if not (line := self.process.stdout.readline()):
            raise SystemExit("It ended before it had answered.")
        return line

    def close(self) -> None:
        self.process.communicate()


def compared(before: Asking, ours: Asking, text: str) -> list[str]:
    """A row: the medians of both, and of their ratios."""
    pairs: list[Sequence[tuple[float, float]]] = []
    for each in (before, ours):
        each.ask(text)
    for at in range(PAIRS):
        if at % 2:
            mine = ours.ask(text)
            pairs.append((before.ask(text), mine))
        else:
            pairs.append((before.ask(text), ours.ask(text)))
    row = [text]
    for clock in (0, 1):
        ratio = median(new[clock] / old[clock] for old, new in pairs)
        row += [f"{median(pair[side][clock] for pair in pairs):.3f} s" for side in (0, 1)]
        row += [f"{ratio:.2f} ×"]
    return [*row, "met" if ratio <= GOAL else "MISSED"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path, help="a work tree of the commit before")
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--views", default="services,versions,coverage")
    parser.add_argument("--folder", type=Path, default=CACHE, help="where the archives are kept")
    parser.add_argument("--logs", type=Path, help="logs that the generator made before")
    options = parser.parse_args()
    archives = [options.folder / f"{options.events}-archive{which}" for which in ("-before", "")]
    logs = options.logs or (options.folder if all(map(Path.exists, archives)) else generated(options.events))
    with ExitStack() as opened:
        before, ours = (
            Asking(folder.absolute(), archive.absolute(), logs.absolute())
            for folder, archive in zip((options.before, OURS), archives, strict=True)
        )
        opened.callback(before.close)
        opened.callback(ours.close)
        rows = [compared(before, ours, f"last 30d by={view}") for view in options.views.split(",")]
    heads = ["question", "before", "ours", "ratio", "before, CPU", "ours, CPU", "ratio", f"{GOAL} × CPU"]
    print(f"{options.events:,} events over 30 days, {PAIRS} pairs\n")
    print(tabulate(rows, heads, disable_numparse=True))


if __name__ == "__main__":
    main()
