"""What the crash tests share: lives of the program, and how one ends."""

import collections
import os
import signal
import subprocess
import threading

HERE = os.path.dirname(os.path.abspath(__file__))


def let_pass(seconds):
    """A moment of the crash's own choosing: it is random, and nothing is waited for."""
    threading.Event().wait(seconds)


class Gone(Exception):
    """The engine was killed."""


class Engine:
    """One life of the program. known: set once a line of its log says that the cache is."""

    def __init__(self, deployment, data, env=None):
        self.process = subprocess.Popen(
            [os.environ["DUNITE"], "serve", deployment, "--data-dir", data],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})
        self.address, self.lines, self.news = None, collections.deque(maxlen=12), threading.Event()
        self.known = threading.Event()
        self.listener = threading.Thread(target=self.listen)
        self.listener.start()

    def listen(self):
        for line in self.process.stderr:
            self.lines.append(line)
            if "the cache is known" in line:
                self.known.set()
            if "listening on 127.0.0.1:" in line:
                self.address = line.split()[-1]
                self.news.set()
        self.news.set()

    def wait(self):
        """Where it listens."""
        self.news.wait()
        if self.address is None:
            raise AssertionError("it does not start: " + "".join(self.lines))
        return self.address

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.listener.join()
