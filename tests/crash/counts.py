#!/usr/bin/python3
"""kill -9 in a loop: a day's counts under load, and what a restart then knows of them.

usage: tests/crash/counts.py [ROUNDS] [SEED]      ($DUNITE is the program)

Each round serves, lets eight clients take grants, kills at a random moment (some rounds while it still starts), serves
again and asks how much of each count there is. Whatever the moment:

  - what was granted is counted, and never more than the cap is granted;
  - no more is counted than was granted or asked for in the moment of death, but for a block less one;
  - what was requested has ended exactly once in the audit, completed or interrupted.

Prints "ok NAME" or "not ok NAME", and what it saw.
"""

import collections
import os
import random
import shutil
import socket
import sqlite3
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True

from lives import HERE, Engine, Gone, let_pass  # noqa: E402

CAPS = {"small": 40, "large": 6400, "endless": None}
BLOCKS = {"small": 1, "large": 100, "endless": 1024}
CLIENTS = 8


class Connection:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        try:
            self.socket = socket.create_connection((host, int(port)), timeout=20)
        except OSError as problem:
            raise Gone from problem
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path):
        try:
            self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: crash\r\n\r\n".encode())
            got = b""
            while b"\r\n\r\n" not in got:
                got += self.read()
            head, body = got.split(b"\r\n\r\n", 1)
            lines = head.decode().lower().split("\r\n")
            length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
            while len(body) < length:
                body += self.read()
        except TimeoutError:
            raise AssertionError(f"no answer to {path} in 20 seconds")
        except OSError as problem:
            raise Gone from problem
        assert lines[0].split()[1] == "200", f"{path}: {lines[0]}: {body!r}"
        return body.decode()

    def read(self):
        some = self.socket.recv(65536)
        if not some:
            raise Gone
        return some


class Ledger:
    """What the clients know: per count, what was there when this life began, and what came since."""

    def __init__(self):
        self.lock = threading.Lock()
        self.granted = collections.Counter()     # told to a client, over all lives
        self.base = collections.Counter()        # counted when this life began
        self.told = collections.Counter()        # granted in this life
        self.unanswered = collections.Counter()  # asked for in this life, and no answer came
        self.full = set()

    def begin_life(self, counted):
        self.base = counted
        self.told.clear()
        self.unanswered.clear()


def ask(connection, ledger, key, failures):
    """One grant, asked for."""
    try:
        said = connection.get("/take/%s/%s" % key)
    except Gone:
        with ledger.lock:
            ledger.unanswered[key] += 1
        raise
    with ledger.lock:
        if said == "granted":
            ledger.told[key] += 1
            ledger.granted[key] += 1
        elif said == "DailyCap":
            ledger.full.add(key)
        else:
            failures.append(f"{key}: {said}")


def take(address, ledger, keys, failures):
    """A client, until the engine is gone."""
    try:
        connection = Connection(address)
        while True:
            ask(connection, ledger, random.choice(keys), failures)
    except Gone:
        pass
    except AssertionError as problem:
        failures.append(str(problem))


def load(engine, ledger, keys, seconds, failures):
    clients = [threading.Thread(target=take, args=(engine.address, ledger, keys, failures)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    let_pass(seconds)
    engine.kill()
    for client in clients:
        client.join()


def judge(key, ledger, counted):
    """What is wrong with a count after a crash, and how much of it the crash cost."""
    low = ledger.base[key] + ledger.told[key]
    cost = counted - low - ledger.unanswered[key]
    wrong = []
    if counted < low:
        wrong.append(f"{key}: {low} were granted, {counted} are counted")
    if cost > BLOCKS[key[0]] - 1:
        wrong.append(f"{key}: {low} were granted, {counted} are counted, {ledger.unanswered[key]} had no answer")
    cap = CAPS[key[0]]
    if cap is not None and ledger.granted[key] > cap:
        wrong.append(f"{key}: {ledger.granted[key]} were granted of {cap}")
    if cap is not None and counted > cap:
        wrong.append(f"{key}: {counted} are counted of {cap}")
    return wrong, max(cost, 0)


class Crash:
    def __init__(self, rounds, seed):
        self.rounds, self.seed = rounds, seed
        self.folder = tempfile.mkdtemp(prefix="dunite-crash-")
        self.data = os.path.join(self.folder, "data")
        self.ledger = Ledger()
        self.costs = collections.Counter()
        self.failures = []
        self.crashes = self.requests = 0
        self.names = {limit: 0 for limit in CAPS}

    def keys(self):
        """Three subjects a limit; one that is used up makes room for a new one."""
        keys = []
        for limit in CAPS:
            while len(self.live(limit)) < 3:
                self.names[limit] += 1
            keys += self.live(limit)
        return keys

    def live(self, limit):
        keys = [(limit, f"s{i}") for i in range(self.names[limit])]
        return [key for key in keys if key not in self.ledger.full]

    def look(self, keys):
        engine = Engine(os.path.join(HERE, "counts"), self.data)
        connection = Connection(engine.wait())
        return engine, {key: int(connection.get("/used/%s/%s" % key)) for key in keys}

    def start_and_die(self):
        """Killed while it starts."""
        engine = Engine(os.path.join(HERE, "counts"), self.data)
        let_pass(random.uniform(0, 0.03))
        engine.kill()
        self.crashes += 1

    def round(self, engine, keys):
        load(engine, self.ledger, keys, random.uniform(0.005, 0.12), self.failures)
        self.crashes += 1
        if random.random() < 0.1:
            self.start_and_die()
        engine, counted = self.look(keys)
        for key in keys:
            wrong, cost = judge(key, self.ledger, counted[key])
            self.failures += wrong
            self.costs[key[0]] = max(self.costs[key[0]], cost)
        self.ledger.begin_life(collections.Counter(counted))
        return engine

    def audited(self):
        """How many requests the audit has; what has not ended exactly once is a failure."""
        journal = sqlite3.connect(os.path.join(self.data, "journal.db"))
        deadline = time.monotonic() + 20
        # What the last life left open is noted by the first commit of this one.
        while journal.execute("SELECT count(*) FROM audit_open").fetchone()[0] and time.monotonic() < deadline:
            let_pass(0.02)
        requests = journal.execute("SELECT sum(event = 'requested'), sum(event <> 'requested'), min(event)"
                                   " FROM audit GROUP BY boot, number").fetchall()
        self.failures += [f"the audit has a request {asked} times, with {ended} ends ({event})"
                          for asked, ended, event in requests if (asked, ended) != (1, 1)]
        journal.close()
        return len(requests)

    def run(self):
        random.seed(self.seed)
        engine, _ = self.look([])
        for _ in range(self.rounds):
            day = time.gmtime().tm_yday
            keys = self.keys()
            engine = self.round(engine, keys)
            if time.gmtime().tm_yday != day:  # counts of two days cannot be compared
                engine.kill()
                self.ledger, self.failures = Ledger(), []
                shutil.rmtree(self.data)
                engine, _ = self.look([])
            if self.failures:
                break
        self.requests = self.audited()
        engine.kill()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    crash = Crash(rounds, seed)
    start = time.monotonic()
    try:
        crash.run()
    except Exception as problem:  # the verdict comes out whatever happens
        crash.failures.append(f"{type(problem).__name__}: {problem}")
    granted = sum(crash.ledger.granted.values())
    print(f"# {crash.crashes} crashes, {granted} grants of {len(crash.ledger.granted)} counts, "
          f"{len(crash.ledger.full)} used up, in {time.monotonic() - start:.0f} s (seed {seed})")
    print("# the most that one crash cost a count: "
          + ", ".join(f"{limit} {crash.costs[limit]} (block {BLOCKS[limit]})" for limit in CAPS))
    print(f"# the audit has {crash.requests} requests, each with one end")
    for failure in crash.failures[:20]:
        print(f"#   {failure}")
    name = "a crash never lets a subject exceed its cap, costs it less than a block, and leaves no request without an end"
    print(("not ok " if crash.failures or not granted or not crash.requests else "ok ") + name)
    shutil.rmtree(crash.folder, ignore_errors=True)
    return 1 if crash.failures or not granted else 0


if __name__ == "__main__":
    sys.exit(main())
