"""D: one client, a cold object of 64 MiB, from an origin that is as fast as it is read, and from one that gives
50 MiB/s; and the memory that a cold object of 16 MiB and of 1 GiB costs."""

import os
import time

from lib import machine
from lib.servers import PATH, Dunite, Nginx, Origin, Varnish, get
from lib.stampede import stampede
from lib.table import Rounds, ratio, show, spread

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE, SLOW = 64 << 20, 50 << 20
DIRECT, NGINX = "direct", "nginx, proxy_cache"
BODIES = (16 << 20, 1 << 30)


class Direct:
    """The origin itself."""

    name, headers = DIRECT, {}

    def __init__(self, origin):
        self.port, self.process = origin.port, origin.process

    def pids(self):
        return self.process.pids()


def one_round(tools, origin, server, name):
    pids, fetched = server.pids(), origin.fetches(name)
    before, cores = machine.cpu_seconds(pids), machine.Cores()
    seen = stampede(tools, server, name, 1, SIZE, 1)
    why_not = machine.verdict(cores, machine.cpu_seconds(pids) - before, load_may_be_full=True)
    if origin.fetches(name) != fetched + 1:
        raise SystemExit(f"bench: {server.name}: {origin.fetches(name) - fetched} upstream fetches (expected 1)")
    return {"first_ms": seen["first_p50"], "total_ms": seen["last_p50"]}, None if server.name == DIRECT else why_not


def start(folder, options, rate):
    origin = Origin(folder, options.tools, 4 * (options.rounds + options.spare), SIZE, 0, rate)
    servers = [
        Direct(origin),
        Dunite(os.path.join(folder, "dunite"), options.dunite, origin),
        Nginx(NGINX, os.path.join(folder, "nginx"), os.path.join(HERE, "..", "c", "nginx.conf"), origin),
        Varnish(os.path.join(folder, "varnish"), os.path.join(HERE, "..", "c", "default.vcl"), origin),
    ]
    get(servers[1].port, PATH + "small", servers[1].headers)  # the release is known from here on
    return origin, servers


def goals(rounds, rate):
    total = {name: rounds.of(name, "total_ms") for name in ("dunite", DIRECT, NGINX, Varnish.name)}
    if rate:
        return ["total beside direct: " + ratio(total["dunite"], total[DIRECT], 1.02)]
    first = [ms + 1 for ms in rounds.of(DIRECT, "first_ms")]
    return ["total beside nginx's: " + ratio(total["dunite"], total[NGINX], 0.5),
            "total beside Varnish's: " + ratio(total["dunite"], total[Varnish.name], 0.5),
            "first byte beside direct and 1 ms: " + ratio(rounds.of("dunite", "first_ms"), first, 1)]


def compare(folder, options, rate):
    origin, servers = start(folder, options, rate)
    cold, rounds, names = iter(range(512)), Rounds(), [server.name for server in servers]
    for _ in range(options.rounds + options.spare):
        if rounds.enough(names, options.rounds):
            break
        for server in servers:
            rounds.add(server.name, *one_round(options.tools, origin, server, f"cold-{next(cold)}"))
            time.sleep(0.3)  # what was written reaches the disk
    rows = [[name, spread(rounds.of(name, "first_ms")), spread(rounds.of(name, "total_ms"), 0), rounds.mark(name)]
            for name in names]
    show("D. one client, a cold object of 64 MiB, " + (f"the origin gives {rate >> 20} MiB/s" if rate else "unthrottled"),
         ["peer", "first byte ms", "total ms", "rounds"], rows,
         ["median (min-max); every byte is compared, one upstream fetch each"] + goals(rounds, rate) + rounds.remarks())
    for server in servers[1:]:
        server.process.stop()
    origin.process.stop()


def memory(folder, options):
    """Peak memory of dunite while it fills, by the body's size."""
    rows = []
    for size in BODIES:
        place = os.path.join(folder, str(size))
        os.makedirs(place)
        origin = Origin(place, options.tools, 1, size)
        server = Dunite(os.path.join(place, "dunite"), options.dunite, origin)
        get(server.port, PATH + "small", server.headers)
        machine.forget_peak(server.pids())
        before = machine.peak_mib(server.pids())
        stampede(options.tools, server, "cold-0", 1, size, 1)
        rows.append([f"{size >> 20} MiB", f"{before:.1f}", f"{machine.peak_mib(server.pids()):.1f}"])
        server.process.stop()
        origin.process.stop()
    show("Memory of dunite, one client, one cold object, by its size", ["body", "before MiB", "peak MiB"], rows,
         ["VmHWM, reset before; every byte is compared"])


def run(folder, options):
    for rate in (0, SLOW):
        place = os.path.join(folder, str(rate))
        os.makedirs(place)
        compare(place, options, rate)
    memory(folder, options)
