"""What the kernel says: processor time, memory, steal, and which machine this is."""

import os
import platform
import subprocess

TICK = os.sysconf("SC_CLK_TCK")
SERVER_CPU, LOAD_CPU = 0, 1


def _stat(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()


def family(pid):
    """The process and all its descendants."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents[int(entry)] = int(_stat(entry)[1])
            except OSError:
                pass
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def cpu_seconds(pids):
    """User and system time so far, of all their threads."""
    return sum(int(x) for pid in pids for x in _stat(pid)[11:13]) / TICK


def forget_peak(pids):
    for pid in pids:
        with open(f"/proc/{pid}/clear_refs", "w") as file:
            file.write("5")


def peak_mib(pids):
    """The sum of VmHWM; memory that processes share counts in each."""
    kib = 0
    for pid in pids:
        with open(f"/proc/{pid}/status") as file:
            kib += sum(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    return kib / 1024


class Cores:
    """How the two cores were used since it was made."""

    def __init__(self):
        self.began = self._read()

    @staticmethod
    def _read():
        with open("/proc/stat") as file:
            rows = [line.split() for line in file if line.startswith("cpu")]
        return {row[0]: [int(x) / TICK for x in row[1:9]] for row in rows}

    def used(self, cpu):
        """Seconds of that core: in processes, idle, stolen, and all; the rest went to interrupts."""
        name, now = f"cpu{cpu}", self._read()
        spent = [b - a for a, b in zip(self.began[name], now[name])]
        return sum(spent[:3]), spent[3] + spent[4], spent[7], max(sum(spent), 1e-9)


def verdict(cores, server_seconds, load_may_be_full=False):
    """Why a round does not count, or None."""
    stolen = limit = 0.0
    for cpu in (SERVER_CPU, LOAD_CPU):
        processes, idle, steal, whole = cores.used(cpu)
        stolen = max(stolen, steal / whole)
        if cpu == SERVER_CPU and processes - server_seconds > 0.1 * whole:
            return "others were on the server's core"
        if cpu == LOAD_CPU:
            limit = idle / whole
    if stolen > 0.02:
        return "steal"
    if limit < 0.02 and not load_may_be_full:
        return "the generator's core was the limit"
    return None


def _first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().split("\n")[0]


def facts(dunite):
    with open("/proc/cpuinfo") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 1024 / 1024
    return [
        f"{len(models)} x {models[0]}, {memory:.1f} GiB, Linux {platform.release()}",
        f"load before: {' '.join(open('/proc/loadavg').read().split()[:3])}",
        f"server on CPU {SERVER_CPU} with one worker, load and origin on CPU {LOAD_CPU}",
        "; ".join([_first_line(dunite, "version"), _first_line("nginx", "-v"),
                   _first_line("varnishd", "-V").strip("()")]),
    ]
