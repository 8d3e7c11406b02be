"""Fills a data folder with blobs that are indexed and visible (empty files under drawn digests), as long use would.

usage: blobs.py DATA_DIR BLOBS [RECORDS]     (the engine must not run; it must have run once)
"""

import os
import random
import sqlite3
import sys


def add_blobs(data, count, names):
    """Every other one has a name, as a release's asset; the others are known by digest, as layers."""
    visible, draw = os.path.join(data, "cache", "sha256"), random.Random(count)
    for number in range(256):
        os.makedirs(os.path.join(visible, f"{number:02x}"), exist_ok=True)
    rows, named = [], []
    for number in range(count):
        digest = draw.randbytes(32)
        os.mknod(os.path.join(visible, f"{digest[0]:02x}", digest.hex()), 0o600)
        has_name = names and number % 2 == 0
        rows.append((digest, 0, not has_name, 1_700_000_000_000 + draw.randrange(10**10)))
        if has_name:
            named.append((f"bench/tool/v{number // 50}/asset-{number % 50}.tar.gz", str(number), digest))
    return rows, named


def fill(data, count, records=0):
    rows, named = add_blobs(data, count, True)
    with sqlite3.connect(os.path.join(data, "journal.db")) as journal:
        journal.executemany("INSERT INTO blobs (digest, size, by_digest, used) VALUES (?,?,?,?)", sorted(rows))
        journal.executemany("INSERT INTO names (name, version, digest) VALUES (?,?,?)", sorted(named))
        journal.executemany("INSERT INTO records (bucket, key, value) VALUES ('oci.parents', ?, ?)", (
            (f"tool@sha256:{row[0].hex()}", b"sha256:" + os.urandom(32).hex().encode()) for row in sorted(rows)[:records]))
    journal.close()


if __name__ == "__main__":
    fill(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
