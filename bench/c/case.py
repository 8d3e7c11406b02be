"""C: many clients at once for one cold object of 16 MiB; the origin takes 20 ms to its first byte and gives 50 MiB/s
to each connection."""

import os
import time

from lib import machine
from lib.servers import PATH, Dunite, Nginx, Origin, Varnish, get
from lib.stampede import stampede
from lib.table import Rounds, ratio, show, spread

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE, FIRST_BYTE_MS, RATE = 16 << 20, 20, 50 << 20
CHECKED = 8  # clients whose every byte is compared


def one_round(tools, origin, server, name, clients):
    pids = server.pids()
    machine.forget_peak(pids)
    before, cores = machine.cpu_seconds(pids), machine.Cores()
    seen = stampede(tools, server, name, clients, SIZE, CHECKED)
    seen["cpu_s"] = machine.cpu_seconds(pids) - before
    why_not = machine.verdict(cores, seen["cpu_s"])
    seen["peak_mib"] = machine.peak_mib(server.pids())
    seen["fetches"] = origin.fetches(name)
    if seen["fetches"] != 1 and server.name == "dunite":  # a peer's is a figure of its own: nginx's lock ends after 5 s
        raise SystemExit(f"bench: dunite: {seen['fetches']} upstream fetches (expected 1)")
    return seen, why_not


def objects(options):
    """Each round of each server has its own."""
    return 3 * len(options.clients) * (options.rounds + options.spare)


def start(folder, options):
    origin = Origin(folder, options.tools, objects(options), SIZE, FIRST_BYTE_MS, RATE)
    return origin, [
        Dunite(os.path.join(folder, "dunite"), options.dunite, origin),
        Nginx("nginx with lock", os.path.join(folder, "nginx"), os.path.join(HERE, "nginx.conf"), origin),
        Varnish(os.path.join(folder, "varnish"), os.path.join(HERE, "default.vcl"), origin),
    ]


def goals(rounds, clients):
    """What the measures ask for at this number of clients."""
    ours, nginx, varnish = "dunite", "nginx with lock", "Varnish"
    last = ratio(rounds.of(ours, "last_p50"), rounds.of(nginx, "last_p50"), 0.8)
    first = f"first byte p99 beside Varnish's: " + ratio(rounds.of(ours, "first_p99"), rounds.of(varnish, "first_p99"), 0.25)
    if clients < 1000:
        first = f"first byte p99 beside the origin's {FIRST_BYTE_MS} ms: " + ratio(
            rounds.of(ours, "first_p99"), [FIRST_BYTE_MS], 1.5)
    return [first, "last byte p50 beside nginx's: " + last,
            "peak memory beside 40 MB: " + ratio(rounds.of(ours, "peak_mib"), [40e6 / (1 << 20)], 1)]


def table(rounds, servers, clients):
    rows = []
    for server in servers:
        rows.append([server.name] + [spread(rounds.of(server.name, what), digits) for what, digits in (
            ("fetches", 0), ("first_p50", 0), ("first_p99", 0), ("last_p50", 0), ("last_p99", 0), ("peak_mib", 0),
            ("cpu_s", 2))] + [rounds.mark(server.name)])
    show(f"C. {clients} clients at once, one cold object of 16 MiB",
         ["peer", "upstream fetches", "first byte p50 ms", "p99 ms", "last byte p50 ms", "p99 ms", "peak MiB", "CPU s",
          "rounds"], rows,
         ["median (min-max); bytes of bodies; peak is the sum of VmHWM over the server's processes"]
         + goals(rounds, clients) + rounds.remarks())


def run(folder, options):
    origin, servers = start(folder, options)
    cold = iter(range(objects(options)))
    get(servers[0].port, PATH + "small", servers[0].headers)  # the release is known from here on
    for clients in options.clients:
        rounds, names = Rounds(), [server.name for server in servers]
        for _ in range(options.rounds + options.spare):
            if rounds.enough(names, options.rounds):
                break
            for server in servers:
                rounds.add(server.name, *one_round(options.tools, origin, server, f"cold-{next(cold)}", clients))
                time.sleep(0.3)  # what was written reaches the disk
        table(rounds, servers, clients)
