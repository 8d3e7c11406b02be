"""A crowd of clients for one URL: each connects, asks, and says how much it got and what its digest is.

usage: crowd.py HOST:PORT PATH COUNT BASIC-CREDENTIALS [--leave N]

Prints "streaming N" once every client has received some of its body; with --leave N, N of them hang up then. Ends with
one line "STATUS BYTES SHA256" per client that stayed, and "first-byte MIN MEDIAN MAX" in seconds on standard error.
"""

import asyncio
import base64
import hashlib
import statistics
import sys
import time


class Client:
    def __init__(self, crowd):
        self.crowd, self.status, self.bytes = crowd, 0, 0
        self.digest = hashlib.sha256()

    async def run(self, leaves):
        host, port = self.crowd.address.rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port))
        began = time.monotonic()
        writer.write(self.crowd.request)
        head = await reader.readuntil(b"\r\n\r\n")
        self.status = int(head.split()[1])
        while chunk := await reader.read(65536):
            if not self.bytes:
                self.crowd.first_byte(time.monotonic() - began)
            self.bytes += len(chunk)
            self.digest.update(chunk)
            if leaves:
                await self.crowd.all_stream.wait()
                break
        writer.close()


class Crowd:
    def __init__(self, address, path, credentials):
        basic = base64.b64encode(credentials.encode()).decode()
        self.address = address
        self.request = (
            f"GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic {basic}\r\nConnection: close\r\n\r\n"
        ).encode()
        self.first_bytes, self.all_stream = [], asyncio.Event()

    def first_byte(self, took):
        self.first_bytes.append(took)
        if len(self.first_bytes) == self.count:
            print("streaming", self.count, flush=True)
            self.all_stream.set()

    async def run(self, count, leave):
        self.count = count
        clients = [Client(self) for _ in range(count)]
        results = await asyncio.gather(
            *(client.run(i < leave) for i, client in enumerate(clients)), return_exceptions=True
        )
        for i, client in enumerate(clients):
            if isinstance(results[i], BaseException):
                print("failed", repr(results[i]))
            elif i >= leave:
                print(client.status, client.bytes, client.digest.hexdigest())
        took = self.first_bytes or [0]
        print("first-byte %.3f %.3f %.3f" % (min(took), statistics.median(took), max(took)), file=sys.stderr)


async def main(address, path, count, credentials, leave=0):
    await Crowd(address, path, credentials).run(int(count), int(leave))


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--leave"]
    asyncio.run(main(*words))
