"""B: a hot object of 256 MiB to one client and to sixteen: processor time per GiB."""

import os
import shutil
import urllib.request

from lib import machine
from lib.servers import PATH, Dunite, Nginx, Origin, Varnish, get
from lib.stampede import stampede
from lib.table import Rounds, ratio, show, spread

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE, NAME = 256 << 20, "cold-0"
STATIC = "nginx, sendfile of a file"
GIB = 4  # a round


def one_round(tools, server, clients, gib):
    pids = server.pids()
    before, cores = machine.cpu_seconds(pids), machine.Cores()
    repeats = max(1, gib * (1 << 30) // (SIZE * clients))
    for _ in range(repeats):
        stampede(tools, server, NAME, clients, SIZE, 0)
    spent = machine.cpu_seconds(pids) - before
    moved = repeats * clients * SIZE / (1 << 30)
    processes, idle, _, whole = cores.used(machine.SERVER_CPU)
    return {"cpu_per_gib": spent / moved, "gib_per_s": moved / whole, "busy": 1 - idle / whole}, \
        machine.verdict(cores, spent, load_may_be_full=True)


def copy_of(origin, folder):
    """The object as a file where nginx looks for it."""
    path = os.path.join(folder, "files" + PATH + NAME)
    os.makedirs(os.path.dirname(path))
    with urllib.request.urlopen(f"http://127.0.0.1:{origin.port}/{NAME}") as source, open(path, "wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)


def start(folder, options):
    origin = Origin(folder, options.tools, 1, SIZE)
    servers = [
        Dunite(os.path.join(folder, "dunite"), options.dunite, origin),
        Nginx(STATIC, os.path.join(folder, "static"), os.path.join(HERE, "nginx.conf"), origin),
        Nginx("nginx, proxy_cache", os.path.join(folder, "nginx"), os.path.join(HERE, "..", "c", "nginx.conf"), origin),
        Varnish(os.path.join(folder, "varnish"), os.path.join(HERE, "..", "c", "default.vcl"), origin),
    ]
    copy_of(origin, servers[1].folder)
    get(servers[0].port, PATH + "small", servers[0].headers)  # the release is known from here on
    return origin, servers


def warm(tools, origin, servers):
    """Each has it whole and right, fetched once (the file's copy, too)."""
    for server in servers:
        stampede(tools, server, NAME, 1, SIZE, 1)
        stampede(tools, server, NAME, 1, SIZE, 1)
    if origin.fetches(NAME) != len(servers):
        raise SystemExit(f"bench: {origin.fetches(NAME)} upstream fetches by {len(servers)} peers")


def table(rounds, servers, clients):
    rows = []
    for server in servers:
        cpu, name = rounds.of(server.name, "cpu_per_gib"), server.name
        rows.append([name, spread(cpu, 3),
                     ratio(cpu, rounds.of(STATIC, "cpu_per_gib"), 1.05) if name == "dunite" else "",
                     spread(rounds.of(name, "gib_per_s"), 2), rounds.mark(name)])
    show(f"B. 256 MiB hot, {clients} client{'s' if clients > 1 else ''}",
         ["peer", "CPU s/GiB", "beside nginx's sendfile", "GiB/s", "rounds"], rows,
         ["median (min-max); every byte was compared once, before the rounds; then they are counted",
          "one upstream fetch by each peer"] + rounds.remarks())


def run(folder, options):
    origin, servers = start(folder, options)
    warm(options.tools, origin, servers)
    for clients in (1, 16):
        rounds, names = Rounds(), [server.name for server in servers]
        for _ in range(options.rounds + options.spare):
            if rounds.enough(names, options.rounds):
                break
            for server in servers:
                rounds.add(server.name, *one_round(options.tools, server, clients, 1 if options.quick else GIB))
        table(rounds, servers, clients)
