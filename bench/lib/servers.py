"""The servers that are measured, each in a folder of its own, on CPU 0, ended by their process id."""

import base64
import http.client
import json
import os
import shutil
import socket
import subprocess
import time

from lib import machine

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STOREFRONT = os.path.join(os.path.dirname(HERE), "examples", "storefront")
PATH = "/v1/applications/tool/downloads/"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def fill(source, target, values):
    """Copies a template: @NAME@ becomes values["NAME"]."""
    with open(source) as file:
        text = file.read()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    with open(target, "w") as file:
        file.write(text)
    return target


running = []


def stop_all():
    """Ends what still runs, the newest first."""
    while running:
        running[-1].stop()


class Process:
    """A program on one core; what it says goes to a log in its folder."""

    def __init__(self, name, folder, cpu, command, env=None, stdout=None):
        self.log = os.path.join(folder, name + ".log")
        with open(self.log, "a") as log:
            self.child = subprocess.Popen(
                ["taskset", "-c", str(cpu)] + command, env={**os.environ, **(env or {})},
                cwd=folder, stdin=subprocess.DEVNULL, stdout=stdout or log, stderr=log, text=True)
        running.append(self)

    def pids(self):
        return machine.family(self.child.pid)

    def stop(self):
        running.remove(self)
        self.child.terminate()
        try:
            self.child.wait(15)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def wait_until(self, works, what, seconds=20):
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.child.poll() is None:
            try:
                if works():
                    return
            except OSError:
                pass
            time.sleep(0.02)
        with open(self.log) as log:
            raise SystemExit(f"bench: {what} did not start; its log:\n{log.read()[-2000:]}")


class Origin:
    """The upstream; it counts how often each object was asked for."""

    def __init__(self, folder, tools, objects=0, size=0, first_byte_ms=0, rate=0):
        self.process = Process("origin", folder, machine.LOAD_CPU, [
            os.path.join(tools, "bench-origin"), str(objects), str(size), str(first_byte_ms), str(rate),
        ], stdout=subprocess.PIPE)
        self.port = int(self.process.child.stdout.readline())

    def fetches(self, name):
        return int(get(self.port, "/fetches/" + name)[1])


class Server:
    """A peer: name, port, headers that a request needs."""

    headers = {}

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)

    def answers(self):
        return get(self.port, "/healthz")[0] < 500

    def pids(self):
        return self.process.pids()


class Dunite(Server):
    name = "dunite"
    PASSWORD = "correct horse"

    def __init__(self, folder, dunite, origin, wrap=(), daily_cap=1000000000):
        super().__init__(folder)
        self.dunite, self.env = dunite, {
            "FORGEJO_BASE_URL": f"http://127.0.0.1:{origin.port}",
            "FORGEJO_API_TOKEN": "x",
            "DUNITE_LISTEN": f"127.0.0.1:{self.port}",
            "DUNITE_DATA_DIR": os.path.join(folder, "data"),
            "DUNITE_WORKERS": "1",
            "DOWNLOAD_CONCURRENCY_PER_USER": "100000",
            "DOWNLOAD_DAILY_LIMIT_PER_USER": str(daily_cap),
            "RELEASE_CACHE_TTL_SECS": "86400",
            "OCI_TOKEN_TTL_SECS": "86400",
        }
        self.process = Process("dunite", folder, machine.SERVER_CPU,
                               [*wrap, dunite, "serve", STOREFRONT], self.env)
        self.process.wait_until(self.answers, "dunite", 60)
        self.sign_in()

    def command(self, *arguments, stdin=""):
        done = subprocess.run([self.dunite, *arguments], env={**os.environ, **self.env}, input=stdin,
                              cwd=STOREFRONT, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench: dunite {' '.join(arguments)}: {done.stderr.strip()}")

    def sign_in(self):
        self.command("member", "add", "ada", "--email", "ada@example.com", "--password-stdin",
                     stdin=self.PASSWORD + "\n")
        basic = base64.b64encode(f"ada@example.com:{self.PASSWORD}".encode()).decode()
        status, body = get(self.port, "/auth/token", {"Authorization": "Basic " + basic})
        if status != 200:
            raise SystemExit(f"bench: no token from dunite: {status} {body}")
        self.headers = {"Authorization": "Bearer " + json.loads(body)["token"]}


class Nginx(Server):
    def __init__(self, name, folder, config, origin, values=None):
        super().__init__(folder)
        self.name = name
        for part in ("temp", "cache"):
            os.makedirs(os.path.join(folder, part))
        values = {"PORT": self.port, "ORIGIN": origin.port, "FOLDER": folder, **(values or {})}
        for part in ("policy.lua", "common.conf"):
            source = os.path.join(os.path.dirname(config), part)
            if os.path.exists(source):
                fill(source, os.path.join(folder, part), values)
        filled = fill(config, os.path.join(folder, "nginx.conf"), values)
        self.process = Process("nginx", folder, machine.SERVER_CPU,
                               ["nginx", "-p", folder, "-e", "error.log", "-c", filled])
        self.process.wait_until(self.answers, name)


class Bare(Server):
    """A constant answer."""

    name = "libuv + llhttp, constant"

    def __init__(self, folder, tools):
        super().__init__(folder)
        self.process = Process("bare", folder, machine.SERVER_CPU, [os.path.join(tools, "bench-bare"), str(self.port)])
        self.process.wait_until(self.answers, self.name)


class Varnish(Server):
    name = "Varnish"

    def __init__(self, folder, vcl, origin):
        super().__init__(folder)
        filled = fill(vcl, os.path.join(folder, "default.vcl"), {"ORIGIN": origin.port})
        self.process = Process("varnish", folder, machine.SERVER_CPU, [
            "varnishd", "-F", "-j", "none", "-n", folder, "-a", f"127.0.0.1:{self.port}", "-f", filled,
            "-s", "malloc,1g",
        ])
        self.process.wait_until(self.answers, self.name)
