"""What the OCI distribution specification says of pull and content discovery, asked of a read-only registry.

usage: conformance.py ROOT-URL REPOSITORY USER PASSWORD

The expectations come in on standard input, as JSON:
  tags: tag -> digest of its manifest; manifests: digest -> {type, size}; blobs: digest -> size;
  subject: a digest with referrers, referrers: artifact type -> how many of them (or nothing: upstream knows none)

Each thing that holds is an "ok" line. Every request goes the way of a client: without a token first, then with the
token that the challenge leads to.
"""

import base64
import hashlib
import http.client
import json
import re
import sys
import urllib.parse

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ACCEPT = [INDEX, MANIFEST, "application/vnd.docker.distribution.manifest.list.v2+json",
          "application/vnd.docker.distribution.manifest.v2+json"]
# The codes of the specification, with the one that it adds for too many requests.
CODES = {"BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN",
         "MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED",
         "DENIED", "UNSUPPORTED", "TOOMANYREQUESTS"}


class Reply:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)


class Client:
    def __init__(self, root, user, password):
        self.at = urllib.parse.urlsplit(root)
        self.basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.tokens = {}

    def send(self, method, url, headers=(), body=None):
        at = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=30)
        connection.putrequest(method, at.path + ("?" + at.query if at.query else ""))
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        reply = Reply(connection.getresponse())
        connection.close()
        return reply

    def token(self, challenge):
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        query = {key: fields[key] for key in ("service", "scope") if key in fields}
        reply = self.send("GET", fields["realm"] + "?" + urllib.parse.urlencode(query),
                          [("Authorization", self.basic), ("Accept", "application/json")])
        return reply.json()["token"]

    def ask(self, method, path, headers=(), body=None):
        url = f"{self.at.scheme}://{self.at.netloc}/v2/{path}"
        repository, headers = path.split("/")[0], list(headers)
        kept = self.tokens.get(repository)
        reply = self.send(method, url, headers + ([("Authorization", "Bearer " + kept)] if kept else []), body)
        if reply.status == 401:
            self.tokens[repository] = self.token(reply.headers["WWW-Authenticate"])
            reply = self.send(method, url, headers + [("Authorization", "Bearer " + self.tokens[repository])], body)
        return reply


failures = 0


def check(name, holds, detail=""):
    global failures
    failures += not holds
    print(("ok " if holds else "not ok ") + name + (f"\n#   {detail}" if detail and not holds else ""))


def same(name, got, wanted):
    check(name, got == wanted, f"got {got!r}, wanted {wanted!r}")


def accept():
    return [("Accept", kind) for kind in ACCEPT]


def refuses(name, reply, statuses):
    code = None
    if reply.body:
        code = reply.json()["errors"][0]["code"]
    check(name, reply.status in statuses and (code is None or code in CODES), f"{reply.status} {code}")


def nothing():
    return "sha256:" + hashlib.sha256(b"nobody has this").hexdigest()


def ping(client):
    reply = client.ask("GET", "")
    same("the end-1 of the specification is there", reply.status, 200)


def pull(client, repository, told):
    for what, known in (("manifests", told["manifests"]), ("blobs", told["blobs"])):
        for digest, is_ in known.items():
            path = f"{repository}/{what}/{digest}"
            size = is_["size"] if what == "manifests" else is_
            head, got = (client.ask(method, path, accept()) for method in ("HEAD", "GET"))
            same(f"{what}: HEAD by digest", (head.status, head.body, head.headers["Content-Length"],
                                             head.headers["Docker-Content-Digest"]), (200, b"", str(size), digest))
            same(f"{what}: GET by digest",
                 (got.status, "sha256:" + hashlib.sha256(got.body).hexdigest(), got.headers["Docker-Content-Digest"],
                  got.headers["Content-Length"]), (200, digest, digest, str(size)))
            if what == "manifests":
                same("with its media type", (head.headers["Content-Type"], got.headers["Content-Type"]),
                     (is_["type"], is_["type"]))
        for method in ("HEAD", "GET"):
            refuses(f"{what}: {method} of none", client.ask(method, f"{repository}/{what}/{nothing()}", accept()), (404,))
    for tag, digest in told["tags"].items():
        for method in ("HEAD", "GET"):
            reply = client.ask(method, f"{repository}/manifests/{tag}", accept())
            same(f"{method} by tag", (reply.status, reply.headers["Docker-Content-Digest"]), (200, digest))
    for method in ("HEAD", "GET"):
        refuses(f"{method} of a tag that is none",
                client.ask(method, f"{repository}/manifests/.INVALID_MANIFEST_NAME", accept()), (404,))
        refuses(f"{method} of a tag that is not there",
                client.ask(method, f"{repository}/manifests/missing-tag", accept()), (404,))
    wrong = client.ask("GET", f"{repository}/manifests/sha256:totallywrong", [("Content-Type", MANIFEST)], b"blablabla")
    refuses("a digest that is none, with a body that nobody asked for", wrong, (400, 404))
    check("says why in the specification's words", wrong.body != b"")
    refuses("so it is for who would push it", client.ask("PUT", f"{repository}/manifests/sha256:totallywrong",
                                                         [("Content-Type", MANIFEST)], b"blablabla"), (400, 404))


def ranges(client, repository, told):
    digest, size = max(told["blobs"].items(), key=lambda blob: blob[1])
    whole = client.ask("GET", f"{repository}/blobs/{digest}").body
    for asked, first, last in (("500-1499", 500, 1499), ("500-", 500, size - 1), ("-500", size - 500, size - 1),
                               (f"{size - 48}-{size + 5000}", size - 48, size - 1)):
        reply = client.ask("GET", f"{repository}/blobs/{digest}", [("Range", "bytes=" + asked)])
        same(f"a range of a blob: {asked if 'size' not in asked else 'past its end'}",
             (reply.status, reply.body, reply.headers["Content-Range"]),
             (206, whole[first:last + 1], f"bytes {first}-{last}/{size}"))
    reply = client.ask("GET", f"{repository}/blobs/{digest}", [("Range", f"bytes={size + 1}-{size + 9}")])
    same("a range that cannot be", reply.status, 416)


def tags(client, repository, told):
    wanted = sorted(told["tags"])
    listed = client.ask("GET", f"{repository}/tags/list")
    same("the tags are listed, sorted", (listed.status, listed.json()), (200, {"name": repository, "tags": wanted}))
    half = len(wanted) // 2
    page = client.ask("GET", f"{repository}/tags/list?n={half}")
    same("n of them", page.json()["tags"], wanted[:half])
    last = wanted[half - 1]
    same("those after the last one", client.ask("GET", f"{repository}/tags/list?last={last}").json()["tags"],
         wanted[half:])
    rest = client.ask("GET", f"{repository}/tags/list?n={half}&last={last}")
    same("n of those", rest.json()["tags"], wanted[half:2 * half])
    none = client.ask("GET", f"{repository}/tags/list?n=0")
    same("none for n = 0, and no Link", (none.json()["tags"], none.headers["Link"]), ([], None))
    found, query = [], f"{repository}/tags/list?n=1"
    for _ in range(len(wanted) + 1):
        reply = client.ask("GET", query)
        found += reply.json()["tags"]
        link = re.match(r'</v2/(.*)>; rel="next"$', reply.headers["Link"] or "")
        if not link:
            break
        query = link[1]
    same("all of them, page by page, by Link", found, wanted)
    refuses("no tags of what is not there", client.ask("GET", "nothing-there/tags/list"), (404,))


def referrers(client, repository, told):
    def listed(digest, query=""):
        reply = client.ask("GET", f"{repository}/referrers/{digest}{query}")
        index = reply.json()
        same("an index of referrers",
             (reply.status, reply.headers["Content-Type"], index["schemaVersion"], index["mediaType"]),
             (200, INDEX, 2, INDEX))
        return index["manifests"], reply.headers["OCI-Filters-Applied"]

    same("nothing refers to what is not there", listed(nothing()), ([], None))
    expected = told.get("referrers") or {}
    entries, _ = listed(told["subject"])
    same("all that refer to it", len(entries), sum(expected.values()))
    for kind, many in {**expected, "application/vnd.nobody.has": 0}.items():
        entries, applied = listed(told["subject"], "?artifactType=" + urllib.parse.quote(kind, safe=""))
        same("those of one type", ([entry["artifactType"] for entry in entries], applied), ([kind] * many, "artifactType"))
    refuses("a digest that is none has no referrers", client.ask("GET", f"{repository}/referrers/sha256:bad"), (400,))


def read_only(client, repository):
    for method, path in (("POST", "blobs/uploads/"), ("PUT", "manifests/v1"), ("DELETE", "manifests/v1"),
                         ("DELETE", f"blobs/{nothing()}"), ("PATCH", "blobs/uploads/x")):
        refuses(f"{method} is not supported", client.ask(method, f"{repository}/{path}", body=b""), (405,))


def main(root, repository, user, password):
    told = json.load(sys.stdin)
    client = Client(root, user, password)
    ping(client)
    pull(client, repository, told)
    ranges(client, repository, told)
    tags(client, repository, told)
    referrers(client, repository, told)
    read_only(client, repository)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
