"""Instructions per request of case A, counted by callgrind over all threads: repeatable, so that a change shows."""

import glob
import http.client
import os
import subprocess

from lib.servers import PATH, Dunite, Origin
from lib.table import show

WARM = 200


def control(server, *arguments):
    subprocess.run(["callgrind_control", *arguments, str(server.process.child.pid)], check=True, capture_output=True)


def requests(server, count):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    for _ in range(count):
        connection.request("GET", PATH + "small", headers=server.headers)
        answer = connection.getresponse()
        if answer.status != 200 or len(answer.read()) != 4096:
            raise SystemExit(f"bench: dunite answers {answer.status}")
    connection.close()


def total(pattern):
    instructions = 0
    for name in glob.glob(pattern):
        with open(name) as file:
            instructions += sum(int(line.split()[1]) for line in file if line.startswith(("totals:", "summary:")))
    return instructions


def run(folder, options):
    out = options.callgrind_out or os.path.join(folder, "callgrind.out")
    count = options.requests
    server = Dunite(os.path.join(folder, "dunite"), options.dunite, Origin(folder, options.tools), wrap=(
        "valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"))
    requests(server, WARM)
    control(server, "-i", "on")
    requests(server, count)
    control(server, "-i", "off")
    server.process.stop()
    show(f"Instructions of a request of case A, over {count} requests, all threads", ["peer", "instructions/request"],
         [["dunite", f"{total(out) / count:,.0f}"]], [f"callgrind_annotate {out}"] if options.callgrind_out else [])
