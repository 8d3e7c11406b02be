"""H: from the start of the program to its first 200; and the same with many blobs in the store, which are read and
compared with the folder behind it."""

import os
import re
import time

from h import blobs
from lib import machine
from lib.servers import PATH, STOREFRONT, Dunite, Nginx, Origin, Process, get
from lib.table import Rounds, show, spread

HERE = os.path.dirname(os.path.abspath(__file__))


def first_200(start, port, path, headers):
    """Starts it, and asks until it answers: the process and milliseconds."""
    began = time.monotonic()
    process = start()
    while time.monotonic() - began < 120:
        try:
            if get(port, path, headers)[0] == 200:
                return process, (time.monotonic() - began) * 1e3
        except OSError:
            pass
        time.sleep(0.0005)
    raise SystemExit(f"bench: no 200 in two minutes; see {process.log}")


def resident_mib(process):
    """What is its own now, without what it maps of files."""
    kib = 0
    for pid in process.pids():
        with open(f"/proc/{pid}/status") as file:
            kib += sum(int(line.split()[1]) for line in file if line.startswith("RssAnon"))
    return kib / 1024


def known_after_ms(process, data):
    """When the cache was known, by its own log."""
    until = time.monotonic() + 600
    while time.monotonic() < until:
        with open(process.log) as log:
            found = re.findall(r"the cache is known: (\d+) blobs, in (\d+) ms", log.read())
        if found:
            return int(found[-1][0]), float(found[-1][1])
        time.sleep(0.05)
    raise SystemExit(f"bench: the cache in {data} is not known in ten minutes")


class Started:
    """dunite on a folder that it has used before."""

    def __init__(self, folder, options, origin, count):
        server = Dunite(folder, options.dunite, origin)
        if get(server.port, PATH + "small", server.headers)[0] != 200:
            raise SystemExit("bench: dunite does not serve")
        server.process.stop()
        self.server, self.options, self.folder = server, options, folder
        self.data = os.path.join(folder, "data")
        blobs.fill(self.data, count)

    def start(self):
        log = os.path.join(self.folder, "dunite.log")
        if os.path.exists(log):
            os.remove(log)
        return Process("dunite", self.folder, machine.SERVER_CPU, [self.options.dunite, "serve", STOREFRONT],
                       self.server.env)

    def round(self):
        process, ms = first_200(self.start, self.server.port, PATH + "small", self.server.headers)
        count, known = known_after_ms(process, self.data)
        seen = {"first_ms": ms, "known_ms": known, "resident_mib": resident_mib(process), "blobs": count}
        process.stop()
        return seen


class StartedNginx:
    """nginx with an empty cache."""

    def __init__(self, folder, origin):
        self.server = Nginx("nginx", folder, os.path.join(HERE, "..", "c", "nginx.conf"), origin)
        self.server.process.stop()
        self.folder = folder

    def start(self):
        return Process("nginx", self.folder, machine.SERVER_CPU, [
            "nginx", "-p", self.folder, "-e", "error.log", "-c", os.path.join(self.folder, "nginx.conf")])

    def round(self):
        process, ms = first_200(self.start, self.server.port, "/healthz", {})
        process.stop()
        return {"first_ms": ms, "known_ms": 0, "resident_mib": 0, "blobs": 0}


def rows_of(peers, rounds, few):
    rows = []
    for name, _ in peers:
        count = rounds.of(name, "blobs")[0]
        resident = rounds.of(name, "resident_mib")
        per_blob = "-"
        if name != few and count > 1000:
            base = min(rounds.of(few, "resident_mib"))
            per_blob = f"{(min(resident) - base) * (1 << 20) / count:.0f}"
        rows.append([name, spread(rounds.of(name, "first_ms"), 0), spread(rounds.of(name, "known_ms"), 0),
                     spread(resident, 0), per_blob, rounds.mark(name)])
    return rows


def run(folder, options):
    origin = Origin(folder, options.tools)
    few, many = "dunite", f"dunite, {options.blobs:,} blobs"
    peers = [("nginx", StartedNginx(os.path.join(folder, "nginx"), origin)),
             (few, Started(os.path.join(folder, "few"), options, origin, 0)),
             (many, Started(os.path.join(folder, "many"), options, origin, options.blobs))]
    rounds = Rounds()
    for _ in range(options.rounds):
        for name, peer in peers:
            rounds.add(name, peer.round())
    show("H. from the start to the first 200", ["peer", "first 200 ms", "cache known ms", "own memory MiB",
                                              "bytes a blob", "rounds"],
         rows_of(peers, rounds, few),
         ["median (min-max); dunite's is a cached asset with policy, nginx's a constant answer",
          "half of the blobs have a name, half are known by digest; their files are empty",
          "first 200 with many blobs beside a second: "
          + ("met" if max(rounds.of(many, "first_ms")) <= 1000 else "not met")])
