"""What a day costs in a bucket of many: `python -m tests.benchmarks.days [--accounts N] [--days N]`.

A stand-in for S3 holds one object for each account, of four Regions, on each day. A process of its own reads
yesterday, then again, and then all days.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tests.archive.bucket import Object, serving

REPO: Final = Path(__file__).parents[2]
REGIONS: Final = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2")
NOW: Final = datetime(2026, 11, 28, 9, tzinfo=UTC)
KEY: Final = "AWSLogs/o-exampleorg/{:012}/CloudTrail/{}/{:%Y/%m/%d}/a.json"
CHILD: Final = """
import resource, sys, time
from datetime import datetime
from pathlib import Path
from bot.archive.archive import Archive

days = [datetime.fromisoformat(each) for each in sys.argv[2:]] or [None, None]
began = time.monotonic()
archive = Archive(Path(sys.argv[1]))
done = archive.ingest(["s3://trail"], progress=lambda _: None, since=days[0], until=days[1])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"{done.files} read, {done.known} known, {time.monotonic() - began:.1f} s, {peak:.0f} MB")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=300)
    parser.add_argument("--days", type=int, default=30)
    options = parser.parse_args()
    yesterday = NOW.replace(hour=0) - timedelta(days=1)
    with serving() as bucket, tempfile.TemporaryDirectory(prefix="tls-audit-") as folder:
        for account in range(options.accounts):
            for region in REGIONS:
                for back in range(options.days):
                    key = KEY.format(account, region, NOW - timedelta(days=back))
                    event = {
                        "eventTime": f"{NOW - timedelta(days=back):%Y-%m-%dT%H:%M:%SZ}",
                        "eventSource": "s3.amazonaws.com",
                        "eventName": "GetObject",
                        "eventID": key,
                    }
                    bucket.objects[key] = Object(json.dumps(event).encode())
        aws = {"AWS_ENDPOINT_URL_S3": bucket.url, "AWS_DEFAULT_REGION": "us-east-1"}
        aws |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        window = [yesterday.isoformat(), (yesterday + timedelta(days=1)).isoformat()]
        for title, days in (("yesterday", window), ("yesterday again", window), ("all days", [])):
            bucket.asked.clear()
            bucket.listings = 0
            command = [sys.executable, "-c", CHILD, folder, *days]
            said = subprocess.run(
                command, cwd=REPO, env=os.environ | aws, capture_output=True, text=True, check=True
            ).stdout.strip()
            print(f"{title}: {bucket.listings} listings, {len(bucket.asked)} objects; {said}", flush=True)


if __name__ == "__main__":
    main()
