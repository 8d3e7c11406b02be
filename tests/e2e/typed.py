"""Runs a command on a terminal of its own and answers each prompt for a password, as a person would.

usage: typed.py PASSWORD COMMAND…
"""

import os
import pty
import re
import sys


def main(password, *command):
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], command)
    said, answered = b"", 0
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other side is gone
            piece = b""
        if not piece:
            break
        said += piece
        sys.stdout.buffer.write(piece)
        prompts = len(re.findall(rb"(?i)(password|again)[^\n:]*: ?", said))
        if prompts > answered:
            answered = prompts
            os.write(terminal, password.encode() + b"\n")
    sys.stdout.flush()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
