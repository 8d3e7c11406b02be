"""A: a warm object of 4 KiB behind the whole policy, over 64 connections; A': one connection a request."""

import json
import os
import subprocess

from lib import machine
from lib.servers import PATH, Bare, Dunite, Nginx, Origin, get
from lib.table import Rounds, ratio, show, spread

HERE = os.path.dirname(os.path.abspath(__file__))
LUA, PLAIN = "nginx + Lua, proxy_cache", "nginx, proxy_cache, no policy"
CLOSE = {"Connection": "close"}


def wrk(server, seconds, more):
    headers = {**server.headers, **more}
    done = subprocess.run(
        ["taskset", "-c", str(machine.LOAD_CPU), "wrk", "-t1", "-c64", f"-d{seconds}s", "--latency",
         "-s", os.path.join(HERE, "report.lua")] + [f"-H{name}: {value}" for name, value in headers.items()]
        + [f"http://127.0.0.1:{server.port}{PATH}small"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().split("\n")[-1])


def one_round(server, seconds, more):
    wrk(server, 1, more)
    pids, cores = server.pids(), machine.Cores()
    before = machine.cpu_seconds(pids)
    seen = wrk(server, seconds, more)
    spent = machine.cpu_seconds(pids) - before
    if seen["errors"]:
        raise SystemExit(f"bench: {server.name} failed {seen['errors']} requests of {seen['requests']}")
    seen["cpu_us"] = spent / seen["requests"] * 1e6
    seen["rate"] = seen["requests"] / seen["seconds"]
    return seen, machine.verdict(cores, spent)


def check(server, expected):
    status, body = get(server.port, PATH + "small", server.headers)
    if status != 200 or len(body) != len(expected) or (server.headers and body != expected):
        raise SystemExit(f"bench: {server.name} answers {status} with {len(body)} bytes")


def start(folder, options):
    origin = Origin(folder, options.tools)
    servers = [Dunite(os.path.join(folder, "dunite"), options.dunite, origin)]
    token = servers[0].headers["Authorization"].partition(" ")[2]
    for name, config in ((LUA, "nginx-lua.conf"), (PLAIN, "nginx.conf")):
        servers.append(Nginx(name, os.path.join(folder, config), os.path.join(HERE, config), origin,
                             {"TOKEN": token}))
        servers[-1].headers = servers[0].headers
    return origin, servers + [Bare(os.path.join(folder, "bare"), options.tools)]


def table(title, rounds, servers, goal):
    rows = []
    for server in servers:
        cpu, name = rounds.of(server.name, "cpu_us"), server.name
        rows.append([name, spread(cpu), ratio(cpu, rounds.of(LUA, "cpu_us"), goal) if name == "dunite" else "",
                     spread(rounds.of(name, "rate"), 0), spread(rounds.of(name, "p50_ms"), 2),
                     spread(rounds.of(name, "p99_ms"), 2), rounds.mark(name)])
    show(title, ["peer", "CPU us/request", "beside nginx + Lua", "requests/s", "p50 ms", "p99 ms", "rounds"], rows,
         ["median (min-max)", "CPU beside the constant answer: " + ratio(
             rounds.of("dunite", "cpu_us"), rounds.of(Bare.name, "cpu_us"), 1.35),
          "all but the constant answer write an access log; dunite also an audit, and its tokens are signed",
          "cap: 1,000,000,000 a day (blocks of 15,625,000), 100,000 at once, one member"]
         + rounds.remarks())


def run(folder, options):
    origin, servers = start(folder, options)
    expected = get(origin.port, "/small")[1]
    for title, more, goal in (("A. 4 KiB hit with policy, 64 keep-alive connections", {}, 0.60),
                              ("A'. the same, one connection per request", CLOSE, 0.75)):
        rounds, names = Rounds(), [server.name for server in servers]
        for _ in range(options.rounds + options.spare):
            if rounds.enough(names, options.rounds):
                break
            for server in servers:
                check(server, expected)
                rounds.add(server.name, *one_round(server, options.seconds, more))
        table(title, rounds, servers, goal)
