"""How fast logs become Parquet: `python -m tests.benchmarks.ingest [--events N]`.

Prints events a second, the time relative to merely inflating and splitting the same files just before, and
the peak memory of the ingest, which runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).parents[2]
GENERATOR = REPO.parent / "shared" / "tools" / "gen_cloudtrail.py"
CACHE = Path(tempfile.gettempdir()) / "tls-audit-benchmark"

INGEST = """
import json, resource, sys
from pathlib import Path
from bot.archive.archive import Archive
from bot.archive.events import NETWORK
done = Archive(Path(sys.argv[2])).ingest([sys.argv[1]], progress=lambda _: None)
again = Archive(Path(sys.argv[2])).ingest([sys.argv[1]], progress=lambda _: None)
used = resource.getrusage(resource.RUSAGE_SELF)
cpu = used.ru_utime + used.ru_stime
counts = [done.events, done.records_skipped.get(NETWORK, 0), done.duplicates, len(done.bad)]
print(json.dumps([*counts, done.seconds, cpu, again.seconds, used.ru_maxrss]))
"""


def generated(events: int) -> Path:
    """The logs of so many events, made once."""
    folder = CACHE / str(events)
    if not (folder / "truth.json").exists():
        if not GENERATOR.exists():
            raise SystemExit(
                "The generator of logs is not here. Give logs that it made before: --logs FOLDER."
            )
        command = [sys.executable, str(GENERATOR), str(folder), "--events", str(events), "--digests"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def inflate_and_split(logs: Path) -> float:
    """Seconds to do only that, in one thread."""
    import msgspec
    from isal import igzip

    decode = msgspec.json.Decoder(msgspec.defstruct("Log", [("Records", list[msgspec.Raw])])).decode
    began = time.perf_counter()
    for path in (logs / "AWSLogs").glob("*/CloudTrail/**/*.json.gz"):
        decode(igzip.decompress(path.read_bytes()))  # type: ignore[no-untyped-call]  # isal
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--logs", type=Path, help="logs that the generator made before")
    options = parser.parse_args()
    logs = options.logs or generated(options.events)
    truth = json.loads((logs / "truth.json").read_text())
    floor = inflate_and_split(logs)
    with tempfile.TemporaryDirectory(prefix="tls-audit-") as archive:
        command = [sys.executable, "-c", INGEST, str(logs / "AWSLogs"), archive]
        said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=REPO).stdout
    events, network, duplicates, bad, seconds, cpu, again, kilobytes = json.loads(said)
    wanted = truth["events"] + truth["duplicates"]  # of what is no call a copy counts as often as it came
    right = (events + network + duplicates, bad) == (wanted, 0)
    verdict = "as generated" if right else f"WRONG: {wanted:,} were, {bad} files were bad"
    print(f"{events:,} events, {network:,} that are no calls, {duplicates:,} duplicates: {verdict}")
    print(
        f"{seconds:.1f} s, {events / seconds:,.0f} events/s, {seconds / floor:.1f} × inflating and splitting"
    )
    print(f"{cpu:.1f} s of CPU, {cpu / events * 1e6:.1f} µs an event")
    print(f"second ingest {again:.2f} s; peak memory {kilobytes / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
