"""A client that takes a byte of the body and stops until a file is there, then takes the rest.

usage: stopped.py HOST:PORT PATH BASIC-CREDENTIALS FILE

Prints "BYTES SHA256".
"""

import base64
import hashlib
import http.client
import os
import sys
import time


def main():
    address, path, credentials, file = sys.argv[1:]
    basic = base64.b64encode(credentials.encode()).decode()
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("GET", path, headers={"Authorization": f"Basic {basic}"})
    answer = connection.getresponse()
    body = answer.read(1)
    for _ in range(600):  # a condition, and a bound
        if os.path.exists(file):
            break
        time.sleep(0.1)
    body += answer.read()
    print(len(body), hashlib.sha256(body).hexdigest())


main()
