"""What a service manager does for a service, for tests: gives it listening sockets and hears what it tells.

manager.py NAME[,NAME…] COMMAND…

Binds one socket on 127.0.0.1 for each NAME and prints `listening NAME ADDRESS`. Runs the command with those (LISTEN_FDS,
LISTEN_FDNAMES), NOTIFY_SOCKET, and WATCHDOG_USEC of $WATCHDOG_SECS seconds. Prints `told LINE` for each line that the service
tells, and at its end `ended CODE`. SIGTERM and SIGHUP are handed on.
"""

import os
import signal
import socket
import sys
import tempfile

FIRST = 3

names, command = sys.argv[1].split(","), sys.argv[2:]
listening = []
for name in names:
    one = socket.socket()
    one.bind(("127.0.0.1", 0))
    one.listen()
    listening.append(one)
    print("listening", name, "127.0.0.1:%d" % one.getsockname()[1], flush=True)
folder = tempfile.mkdtemp()
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(folder + "/notify")
notify.settimeout(0.1)

service = os.fork()
if service == 0:
    kept = [os.dup(one.fileno()) for one in listening]
    for number, fd in enumerate(kept):
        os.dup2(fd, FIRST + number)
    os.environ.update(
        NOTIFY_SOCKET=folder + "/notify", LISTEN_FDS=str(len(kept)), LISTEN_FDNAMES=":".join(names), LISTEN_PID=str(os.getpid())
    )
    if "WATCHDOG_SECS" in os.environ:
        os.environ.update(WATCHDOG_USEC=str(int(os.environ["WATCHDOG_SECS"]) * 1000000), WATCHDOG_PID=str(os.getpid()))
    os.execvp(command[0], command)

print("service", service, flush=True)
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda got, _: os.kill(service, got))


def hear():
    try:
        for line in notify.recv(4096).decode().splitlines():
            print("told", line, flush=True)
        return True
    except socket.timeout:
        return False


while True:
    heard = hear()
    ended, status = os.waitpid(service, os.WNOHANG)
    if ended and not heard:
        break
    if ended:
        while hear():
            pass
        break
print("ended", os.waitstatus_to_exitcode(status), flush=True)
os.unlink(folder + "/notify")
os.rmdir(folder)
sys.exit(os.waitstatus_to_exitcode(status))
