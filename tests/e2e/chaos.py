"""Clients of every sort, for so many seconds: whole bodies and ranges, patient and slow ones, ones that leave early or
half-way. Ends with 1 when a body that came whole was not the asset; prints what happened how often, as JSON.

usage: chaos.py HOST:PORT SECONDS FOLDER-OF-ASSETS BASIC-CREDENTIALS
"""

import asyncio
import base64
import collections
import hashlib
import json
import os
import random
import sys
import time

CLIENTS = 60


class Chaos:
    def __init__(self, address, folder, credentials):
        self.host, self.port = address.rsplit(":", 1)
        self.basic = base64.b64encode(credentials.encode()).decode()
        self.assets = {}
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as file:
                self.assets[name] = file.read()
        self.seen = collections.Counter()

    def request(self, name, first, length):
        ranged = f"Range: bytes={first}-{first + length - 1}\r\n" if length else ""
        return (
            f"GET /v1/applications/tool/downloads/{name} HTTP/1.1\r\nHost: {self.host}\r\n"
            f"Authorization: Basic {self.basic}\r\n{ranged}Connection: close\r\n\r\n"
        ).encode()

    async def read(self, reader, writer):
        """Status, promised length and body; None when it left half-way."""
        lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = int(next(line for line in lines if line.startswith(b"content-length:")).split(b":")[1])
        leaves_at = random.randrange(length + 1) if random.random() < 0.3 else None
        body = bytearray()
        while chunk := await reader.read(random.choice((1000, 65536))):
            body += chunk
            if leaves_at is not None and len(body) > leaves_at:
                writer.transport.abort()
                return None
            if random.random() < 0.02:
                await asyncio.sleep(0)
        return int(lines[0].split()[1]), length, bytes(body)

    def judge(self, name, first, size, status, length, body):
        if status not in (200, 206):
            return str(status)
        if len(body) != length:
            return "broken"
        asset = self.assets[name]
        wanted = asset[first : first + size] if status == 206 else asset
        return "whole" if hashlib.sha256(body).digest() == hashlib.sha256(wanted).digest() else "WRONG"

    async def one(self):
        name = random.choice(list(self.assets))
        first, size = random.randrange(1000000), random.randrange(1, 400000) if random.random() < 0.2 else 0
        reader, writer = await asyncio.open_connection(self.host, int(self.port))
        try:
            writer.write(self.request(name, first, size))
            if random.random() < 0.1:
                writer.transport.abort()
                return "left early"
            got = await self.read(reader, writer)
            return self.judge(name, first, size, *got) if got else "left"
        finally:
            writer.close()

    async def client(self, end):
        while time.monotonic() < end:
            try:
                self.seen[await self.one()] += 1
            except (OSError, asyncio.IncompleteReadError):
                self.seen["broken"] += 1

    async def run(self, seconds):
        end = time.monotonic() + seconds
        await asyncio.gather(*(self.client(end) for _ in range(CLIENTS)))


def main(address, seconds, folder, credentials):
    chaos = Chaos(address, folder, credentials)
    asyncio.run(chaos.run(float(seconds)))
    print(json.dumps(chaos.seen))
    return 1 if chaos.seen["WRONG"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
