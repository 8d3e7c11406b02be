"""A client that takes a byte of the body and stops until a line comes by a pipe, then takes the rest.

usage: stopped.py HOST:PORT PATH BASIC-CREDENTIALS PIPE

Prints "BYTES SHA256".
"""

import base64
import hashlib
import http.client
import sys


def main():
    address, path, credentials, pipe = sys.argv[1:]
    basic = base64.b64encode(credentials.encode()).decode()
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("GET", path, headers={"Authorization": f"Basic {basic}"})
    answer = connection.getresponse()
    body = answer.read(1)
    with open(pipe, encoding="ascii") as barrier:
        barrier.readline()
    body += answer.read()
    print(len(body), hashlib.sha256(body).hexdigest())


main()
