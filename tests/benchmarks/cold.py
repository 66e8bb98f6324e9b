"""Cold starts: commands from nothing to the end of their process, beside Python alone and what they import.

`python -m tests.benchmarks.cold` prints medians of CPU and wall seconds, taken in turns, and how often
`python -c pass` the CPU is. `--beside SCRIPT` is another version's `tls-audit`, measured in the same turns.
Wall times say little where the machine has other work; the ratios of CPU hold.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tabulate import tabulate

from bot.demo import samples

PARTS: Final = (
    "pass",
    "import duckdb",
    "import sqlglot.dialects.trino",
    "import pydantic_settings",
    "import typer",
)
COMMANDS: Final = (
    ("--help",),
    ("ask", "--sql", "last 7d"),
    ("ask", "last 7d"),
    ("ask", "last 7d service=s3"),
    ("ask", "--sample", "last 7d"),
    ("doctor",),
)


def taken(command: list[str], environment: dict[str, str], folder: Path) -> tuple[float, float]:
    """The CPU and wall seconds of a process and its children."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=False, capture_output=True, env=environment, cwd=folder)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--beside", type=Path, help="another version's tls-audit")
    options = parser.parse_args()
    script = Path(sys.executable).with_name("tls-audit")
    scripts = [script, options.beside] if options.beside else [script]
    with tempfile.TemporaryDirectory(prefix="tls-audit-cold-") as name:
        folder = Path(name)
        samples.write(folder / "logs", datetime.now(UTC))
        # byte code is kept, as wherever it is installed
        ours = {name: value for name, value in os.environ.items() if not name.startswith("TLS_AUDIT_")}
        environment = {**ours, "TLS_AUDIT_DATA": str(folder / "data")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        subprocess.run([script, "ingest", folder / "logs"], check=True, capture_output=True, env=environment)
        commands = {f'python -c "{part}"': [sys.executable, "-c", part] for part in PARTS}
        for words in COMMANDS:
            for place in scripts:
                beside = "" if place == script else " (beside)"
                commands[f"tls-audit {' '.join(words)}{beside}"] = [str(place), *words]
        for command in commands.values():
            taken(command, environment, folder)  # files are in memory, byte code is written
        times: dict[str, list[tuple[float, float]]] = {said: [] for said in commands}
        for _ in range(options.turns):
            for said, command in commands.items():
                times[said].append(taken(command, environment, folder))
    python = statistics.median(cpu for cpu, _ in next(iter(times.values())))
    rows = []
    for said, each in times.items():
        cpu, wall = (statistics.median(part) for part in zip(*each, strict=True))
        rows.append([said, f"{cpu:.3f} s", f"{wall:.3f} s", f"{cpu / python:.0f} ×"])
    print(tabulate(rows, ["cold start", "CPU", "wall", "of Python alone"]))


if __name__ == "__main__":
    main()
