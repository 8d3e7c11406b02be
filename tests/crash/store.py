#!/usr/bin/python3
"""kill -9 in a loop: the store of blobs under a mixed load, and what a restart makes of it.

usage: tests/crash/store.py [ROUNDS] [SEED]      ($DUNITE is the program)

Each round serves, lets eight clients fetch (cold and warm, whole and in ranges, by name, by digest, and small ones that
are stored, in a cache too small for all of them, some evicted by the operator), and kills at a random moment, some
rounds while it still starts. Whatever the moment:

  - no complete answer is wrong, in any life;
  - every blob that is visible after the death is whole, by its digest;
  - after the next start partials are gone, and once the cache is known, index and files are the same.

Prints "ok NAME" or "not ok NAME", and what it saw.
"""

import collections
import hashlib
import http.client
import json
import os
import random
import re
import shutil
import socket
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True

from lives import HERE, Engine, let_pass  # noqa: E402

CLIENTS = 8
SIZES = [0, 1, 4096, 70_000, 300_000, 1_000_000, 2_500_000, 2_500_000, 5_000_000, 7_000_000]
STORED = 40


class Wrong(Exception):
    """What must never be."""


class Content:
    """What upstream has, as files of the double."""

    def __init__(self, folder):
        self.bodies = {f"blob{i}": random.randbytes(size) for i, size in enumerate(SIZES)}
        self.digests = {name: hashlib.sha256(body).hexdigest() for name, body in self.bodies.items()}
        place = os.path.join(folder, "releases/acme/tool/v1.0.0")
        os.makedirs(place)
        for name, body in self.bodies.items():
            with open(os.path.join(place, name), "wb") as file:
                file.write(body)

    def pick(self):
        """A path, and what is there."""
        kind, name = random.choice(("name", "digest", "stored")), random.choice(list(self.bodies))
        if kind == "stored":
            number = random.randrange(STORED)
            return f"/stored/{number}", f"{number} of a crash test\n".encode() * 100
        path = f"/name/{name}" if kind == "name" else f"/digest/{name}/sha256:{self.digests[name]}"
        return path, self.bodies[name]


def pick_range(size):
    """None, or a first and a last byte."""
    if size == 0 or random.random() < 0.6:
        return None
    first = random.randrange(size)
    return first, min(size - 1, first + random.randrange(size))


def fetch(connection, content, seen):
    path, body = content.pick()
    span = pick_range(len(body))
    connection.request("GET", path, headers={"Range": f"bytes={span[0]}-{span[1]}"} if span else {})
    response = connection.getresponse()
    got = response.read()
    if span and response.status == 206:
        body = body[span[0]:span[1] + 1]
    if response.status not in (200, 206):
        seen["other answers"] += 1
        seen[f"status {response.status}"] += 1
    elif got != body:
        raise Wrong(f"{path} {span}: a complete answer of {len(got)} bytes is wrong")
    else:
        seen["right answers"] += 1
        seen["bytes"] += len(got)


def client(address, content, seen, failures, stop):
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    while not stop.is_set():
        try:
            fetch(connection, content, seen)
        except TimeoutError:
            failures.append("no answer in 30 seconds")
            return
        except (OSError, http.client.HTTPException):
            seen["cut answers"] += 1
            connection.close()
        except Wrong as problem:
            failures.append(str(problem))
            return


class Control(http.client.HTTPConnection):
    """The control socket."""

    def __init__(self, data):
        super().__init__("control", timeout=30)
        self.path = os.path.join(data, "control.sock")

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)

    def ask(self, command, body):
        self.request("POST", f"/control/cache.{command}", json.dumps(body))
        answer = json.loads(self.getresponse().read())
        if not answer["ok"]:
            raise Wrong(f"cache.{command}: {answer['message']}")
        return answer


def listed(data):
    """What the index has: digest and size."""
    control, place, blobs = Control(data), None, set()
    while True:
        page = control.ask("list", {"place": place} if place else {})
        blobs |= {(blob["digest"].split(":")[1], blob["size"]) for blob in page["blobs"]}
        place = page.get("place")
        if not place:
            return blobs


def visible(data):
    """What the folder has: digest and path."""
    found = {}
    for folder, _, files in os.walk(os.path.join(data, "cache/sha256")):
        for name in files:
            if re.fullmatch("[0-9a-f]{64}", name):
                found[name] = os.path.join(folder, name)
    return found


class Crash:
    def __init__(self, rounds, seed):
        self.rounds, self.seed = rounds, seed
        self.folder = tempfile.mkdtemp(prefix="dunite-crash-")
        self.data = os.path.join(self.folder, "data")
        self.seen = collections.Counter()
        self.failures = []
        random.seed(seed)
        self.content = Content(self.folder)
        self.double = Engine(os.path.join(HERE, "../../examples/forgejo"), os.path.join(self.folder, "double"), {
            "DOUBLE_ROOT": self.folder, "DOUBLE_TOKEN": "x", "DOUBLE_LISTEN": "127.0.0.1:0"})
        self.env = {"FORGEJO_BASE_URL": "http://" + self.double.wait(), "FORGEJO_API_TOKEN": "x"}

    def start(self):
        return Engine(os.path.join(HERE, "store"), self.data, self.env)

    def load(self, engine, seconds):
        """Until it is killed."""
        stop = threading.Event()
        clients = [threading.Thread(target=client, args=(engine.address, self.content, self.seen, self.failures, stop))
                   for _ in range(CLIENTS)]
        for each in clients:
            each.start()
        let_pass(seconds / 2)
        if random.random() < 0.3:
            threading.Thread(target=self.evict, daemon=True).start()
        let_pass(seconds / 2)
        stop.set()
        engine.kill()
        for each in clients:
            each.join()
        self.seen["crashes"] += 1

    def evict(self):
        try:
            Control(self.data).ask("evict", {"size": random.randrange(8_000_000)})
            self.seen["evictions by hand"] += 1
        except (OSError, http.client.HTTPException, ValueError):
            pass

    def look_at_the_dead(self):
        for digest, path in visible(self.data).items():
            with open(path, "rb") as file:
                if hashlib.sha256(file.read()).hexdigest() != digest:
                    self.failures.append(f"{path} is visible and wrong")
            self.seen["blobs verified"] += 1
        self.seen["partials left behind"] += len(os.listdir(os.path.join(self.data, "cache/partial")))

    def look_at_the_living(self, engine):
        partials = os.listdir(os.path.join(self.data, "cache/partial"))
        if partials:
            self.failures.append(f"partials after a start: {partials}")
        if not engine.known.wait(30):
            self.failures.append("the cache was not known in 30 seconds")
        until = time.monotonic() + 30
        while True:  # what had to go for the limit goes behind the start
            files = {(digest, os.path.getsize(path)) for digest, path in visible(self.data).items()}
            blobs = listed(self.data)
            if files == blobs:
                return
            if time.monotonic() > until:
                break
        self.failures.append(f"index and files differ: only files {files - blobs}, only index {blobs - files}")

    def round(self):
        engine = self.start()
        if random.random() < 0.1:  # killed while it starts
            let_pass(random.uniform(0, 0.05))
            engine.kill()
            self.seen["crashes"] += 1
            engine = self.start()
        engine.wait()
        self.look_at_the_living(engine)
        self.load(engine, random.uniform(0.01, 0.25))
        self.look_at_the_dead()

    def run(self):
        for _ in range(self.rounds):
            self.round()
            if self.failures:
                break


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    crash = Crash(rounds, seed)
    start = time.monotonic()
    try:
        crash.run()
    except Exception as problem:  # the verdict comes out whatever happens
        crash.failures.append(f"{type(problem).__name__}: {problem}")
    crash.double.kill()
    print("# " + ", ".join(f"{count} {what}" for what, count in crash.seen.items())
          + f", in {time.monotonic() - start:.0f} s (seed {seed})")
    for failure in crash.failures[:20]:
        print(f"#   {failure}")
    bad = crash.failures or not crash.seen["right answers"] or not crash.seen["blobs verified"]
    print(("not ok " if bad else "ok ")
          + "a crash leaves no blob that is wrong, and no difference between index and files")
    if bad:
        print(f"# what was there is in {crash.folder}")
    else:
        shutil.rmtree(crash.folder, ignore_errors=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
