"""A registry that serves OCI image layouts, knows referrers, and lies where it is asked to.

usage: registry.py FOLDER        FOLDER/OWNER/NAME is an image layout

Says "listening on HOST:PORT", logs each request, and of a body that it is to send without an end how much of it was taken.

/v2/lies/NAME/manifests/… answers as NAME says: huge (100 MiB, and no word of how much), promised (the same, and says so),
header (headers with line breaks and control bytes in them), slow (a byte a moment), bomb (deep JSON).
"""

import http.server
import json
import os
import re
import sys
import urllib.parse

INDEX = "application/vnd.oci.image.index.v1+json"
HUGE = 100 << 20


class Layout:
    def __init__(self, folder):
        self.folder = folder

    def path(self, digest):
        return os.path.join(self.folder, "blobs", *digest.split(":"))

    def read(self, digest):
        with open(self.path(digest), "rb") as file:
            return file.read()

    def tagged(self, tag):
        with open(os.path.join(self.folder, "index.json"), encoding="utf-8") as file:
            for entry in json.load(file)["manifests"]:
                if entry["annotations"]["org.opencontainers.image.ref.name"] == tag:
                    return entry["digest"]
        return None

    def referrers(self, digest):
        found = []
        for name in sorted(os.listdir(os.path.join(self.folder, "blobs", "sha256"))):
            document = self.document("sha256:" + name)
            if document and document.get("subject", {}).get("digest") == digest:
                found.append({"mediaType": document["mediaType"], "digest": "sha256:" + name,
                              "size": os.path.getsize(self.path("sha256:" + name)),
                              "artifactType": document["artifactType"]})
        return found

    def document(self, digest):
        if os.path.getsize(self.path(digest)) > 5 << 20:
            return None
        try:
            document = json.loads(self.read(digest))
        except ValueError:
            return None
        return document if isinstance(document, dict) else None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        at = urllib.parse.urlsplit(self.path)
        lie = re.fullmatch(r"/v2/lies/(\w+)/manifests/.*", at.path)
        asked = re.fullmatch(r"/v2/([^/]+/[^/]+)/(manifests|blobs|referrers)/([^/]+)", at.path)
        if at.path == "/v2/":
            self.answer(200, b"{}", "application/json")
        elif lie:
            getattr(self, "lie_" + lie[1])()
        elif asked and os.path.isdir(os.path.join(self.server.folder, asked[1])):
            getattr(self, asked[2])(Layout(os.path.join(self.server.folder, asked[1])), asked[3])
        else:
            self.answer(404, b"", "text/plain")

    do_HEAD = do_GET

    def manifests(self, layout, reference):
        digest = reference if ":" in reference else layout.tagged(reference)
        if not digest or not os.path.exists(layout.path(digest)):
            return self.answer(404, b"{}", "application/json")
        document = layout.document(digest)
        return self.answer(200, layout.read(digest), document["mediaType"])

    def blobs(self, layout, digest):
        if not os.path.exists(layout.path(digest)):
            return self.answer(404, b"{}", "application/json")
        return self.answer(200, layout.read(digest), "application/octet-stream")

    def referrers(self, layout, digest):
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": layout.referrers(digest)}
        return self.answer(200, json.dumps(index).encode(), INDEX)

    def lie_huge(self):
        self.send_response(200)
        self.send_header("Content-Type", INDEX)
        self.send_header("Connection", "close")
        self.end_headers()
        self.pour()

    def lie_promised(self):
        self.send_response(200)
        self.send_header("Content-Type", INDEX)
        self.send_header("Content-Length", str(HUGE))
        self.end_headers()
        self.pour()

    def lie_header(self):
        body = b'{"schemaVersion":2}'
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.x+json\r\n\tSet-Cookie: a=b\r\n"
                         b"Docker-Content-Digest: sha256:x\x01\x7f\r\nETag: \"\xff\r\r\nX-Odd:\x0b1\r\n"
                         b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def lie_bomb(self):
        self.answer(200, b'{"schemaVersion":2,"a":' + b"[" * 2_000_000 + b"]" * 2_000_000 + b"}", INDEX)

    def pour(self):
        taken, piece = 0, b" " * 65536
        try:
            while taken < HUGE:
                taken += self.wfile.write(piece)
        except OSError:
            pass
        print("poured", taken, flush=True)
        self.close_connection = True

    def answer(self, status, body, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, form, *values):
        print(form % values, flush=True)


def main(folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.folder = folder
    print(f"listening on 127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
