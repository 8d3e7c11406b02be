r"""One exchange as bytes: sends what the arguments say (backslash escapes as in Python), shows all that came.

usage: raw.py HOST:PORT BYTES [COUNT-OF-x-TO-ADD [BYTES-AFTER-THEM]]
"""

import socket
import sys


def unescaped(text):
    return text.encode().decode("unicode_escape").encode("latin-1")


def main(address, data, count="0", rest=""):
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=20) as peer:
        try:
            peer.sendall(unescaped(data) + b"x" * int(count) + unescaped(rest))
            peer.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before all of it was sent; what it said is what counts
        got = b""
        try:
            while chunk := peer.recv(65536):
                got += chunk
        except ConnectionResetError:
            pass
    sys.stdout.buffer.write(got)


if __name__ == "__main__":
    main(*sys.argv[1:])
