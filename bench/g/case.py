"""G: what an idle keep-alive connection costs in memory of the server's own."""

import os
import socket

from h.case import resident_mib
from lib.servers import Dunite, Nginx, Origin
from lib.table import Rounds, show, spread

HERE = os.path.dirname(os.path.abspath(__file__))
CONNECTIONS, GOAL = 10000, 600
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n"


def connect(port):
    """One that has asked once, and been answered."""
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    client.sendall(REQUEST)
    if not client.recv(4096).startswith(b"HTTP/1.1 200"):
        raise SystemExit("bench: a connection was not answered with 200")
    return client


def one_round(server, count):
    before = resident_mib(server.process)
    clients = [connect(server.port) for _ in range(count)]
    after = resident_mib(server.process)
    held = 0
    for client in clients:  # each is still served
        client.sendall(REQUEST)
        held += client.recv(4096).startswith(b"HTTP/1.1 200")
        client.close()
    if held != count:
        raise SystemExit(f"bench: {server.name} held {held} of {count} connections")
    return {"bytes": (after - before) * (1 << 20) / count}


def run(folder, options):
    origin, rounds, names = Origin(folder, options.tools), Rounds(), []
    for number in range(options.rounds):  # each on a server that has not grown yet
        place = os.path.join(folder, str(number))
        for server in (Dunite(os.path.join(place, "dunite"), options.dunite, origin),
                       Nginx("nginx", os.path.join(place, "nginx"), os.path.join(HERE, "nginx.conf"), origin)):
            rounds.add(server.name, one_round(server, CONNECTIONS))
            names += [] if server.name in names else [server.name]
            server.process.stop()
    ours = rounds.of("dunite", "bytes")
    show(f"G. {CONNECTIONS:,} idle keep-alive connections", ["peer", "bytes a connection", "rounds"],
         [[name, spread(rounds.of(name, "bytes"), 0), rounds.mark(name)] for name in names],
         ["median (min-max); RssAnon of all its processes; each connection was served once before and once after",
          f"dunite's beside {GOAL} bytes: " + ("met" if sorted(ours)[len(ours) // 2] <= GOAL else "not met")])
