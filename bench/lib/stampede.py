"""Clients at once for one object, by bench-stampede: see bench/stampede.c."""

import json
import os
import subprocess

from lib import machine
from lib.servers import PATH


def stampede(tools, server, name, clients, size, checked):
    """What it saw; every client has the whole object, or the benchmark ends."""
    headers = [f"{key}: {value}" for key, value in server.headers.items()]
    done = subprocess.run(
        ["taskset", "-c", str(machine.LOAD_CPU), os.path.join(tools, "bench-stampede"), str(server.port), PATH + name,
         name, str(clients), str(size), str(checked)] + headers, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    if seen["good"] != clients:
        raise SystemExit(f"bench: {server.name}: {seen['good']} of {clients} clients have {name}")
    return seen
