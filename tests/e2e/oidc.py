"""What an independent implementation makes of our tokens (PyJWT, jwcrypto), and we of forged ones.

oidc.py check ISSUER TOKEN…          discovery, key set and tokens are right by their rules
oidc.py attack ISSUER TOKEN KEYS     every classic attack is refused; KEYS: the folder of our own keys
oidc.py rotate ISSUER TOKEN ROUNDS COMMAND…   runs COMMAND so often while clients ask; not one request may fail
"""
import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from jwcrypto import jwk, jwt as jose

SERVICE = "registry.example"


def get(url, headers=None):
    request = urllib.request.Request(url, headers=headers or {})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, answer.headers, answer.read()


def status_of(url, token):
    try:
        return get(url, {"Authorization": "Bearer " + token})[0]
    except urllib.error.HTTPError as error:
        return error.code


def told(name, good, detail=""):
    print(("ok " if good else "not ok ") + name)
    if not good and detail:
        print("#   " + str(detail))
    return good


def discovered(issuer):
    return json.loads(get(issuer + "/.well-known/openid-configuration")[2])


# ---- check ----

def check(issuer, *tokens):
    found = discovered(issuer)
    good = told("the configuration names the issuer that was asked", found["issuer"] == issuer, found)
    required = ("issuer jwks_uri token_endpoint response_types_supported subject_types_supported "
                "id_token_signing_alg_values_supported").split()
    good &= told("it has what is required", all(found.get(name) for name in required), found)
    good &= told("the token endpoint is there", get_status(found["token_endpoint"]) == 401)
    _, headers, raw = get(found["jwks_uri"])
    good &= told("the key set says what it is", headers["Content-Type"] == "application/jwk-set+json")
    keys = jwk.JWKSet.from_json(raw)["keys"]
    good &= told("every kid is its key's thumbprint (RFC 7638)", all(key.thumbprint() == key.get("kid") for key in keys))
    good &= told("no key is private", not any(key.has_private for key in keys))
    client = jwt.PyJWKClient(found["jwks_uri"])
    for token in tokens:
        good &= check_token(issuer, client, jwk.JWKSet.from_json(raw), token)
    return good


def get_status(url):
    try:
        return get(url)[0]
    except urllib.error.HTTPError as error:
        return error.code


def check_token(issuer, client, keys, token):
    header = jwt.get_unverified_header(token)
    good = told("the token is typed at+jwt (RFC 9068)", header["typ"] == "at+jwt" and header["alg"] == "EdDSA", header)
    key = client.get_signing_key_from_jwt(token).key
    claims = jwt.decode(token, key, algorithms=["EdDSA"], audience=SERVICE, issuer=issuer,
                        options={"require": ["iss", "exp", "aud", "sub", "iat", "jti"]})
    good &= told("it verifies by PyJWT, with the claims of RFC 9068", "client_id" in claims, claims)
    jose.JWT(jwt=token, key=keys, algs=["EdDSA"], check_claims={"iss": issuer, "aud": SERVICE})
    good &= told("and by jwcrypto", True)
    head, payload, signature = token.split(".")
    forged = ".".join([head, payload[:-2] + ("A" if payload[-2] != "A" else "B") + payload[-1], signature])
    for what, wrong, audience in [("a changed one", forged, SERVICE), ("one for others", token, "others")]:
        try:
            jwt.decode(wrong, key, algorithms=["EdDSA"], audience=audience, issuer=issuer)
            good &= told(what + " does not verify there", False)
        except jwt.InvalidTokenError:
            good &= told(what + " does not verify there", True)
    return good


# ---- attack ----

def part(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(key, header, claims):
    text = part(header) + "." + part(claims)
    return text + "." + part(key.sign(text.encode()))


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Where forged tokens say that their key can be had. Nobody must come."""
    visits = 0

    def do_GET(self):
        Elsewhere.visits += 1
        self.send_error(404)

    def log_message(self, *_):
        pass


def attacks(token, key, elsewhere):
    head, payload, signature = token.split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    now = int(time.time())
    theirs = ed25519.Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    their_x = part(theirs.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))

    def ours(changed_header=None, **changed):
        return signed(key, {**header, **(changed_header or {})}, {**claims, **changed})

    def without(*names):
        return signed(key, header, {name: value for name, value in claims.items() if name not in names})

    def by_hmac(secret):
        text = part({**header, "alg": "HS256"}) + "." + payload
        return text + "." + part(hmac.new(secret, text.encode(), hashlib.sha256).digest())

    def text(header_text, claims_text):
        made = part(header_text.encode()) + "." + part(claims_text.encode())
        return made + "." + part(key.sign(made.encode()))

    for alg in "none", "None", "NONE", "":
        yield f"alg {alg!r}, unsigned", part({**header, "alg": alg}) + "." + payload + "."
        yield f"alg {alg!r}, signed", ours({"alg": alg})
    yield "HS256 with the public key", by_hmac(raw)
    yield "HS256 with the public key as text", by_hmac(part(raw).encode())
    yield "HS256 with the public key as PEM", by_hmac(pem)
    yield "HS256 with nothing", by_hmac(b"")
    yield "another kid", ours({"kid": "x" * 43})
    yield "a kid that is a path", ours({"kid": "../../../../dev/null"})
    yield "a kid that is our own key's file", ours({"kid": header["kid"] + ".pem"})
    yield "no kid", signed(key, {"alg": "EdDSA", "typ": "at+jwt"}, claims)
    yield "another's signature under our kid", signed(theirs, header, claims)
    there = {"jku": elsewhere, "x5u": elsewhere, "jwk": {"kty": "OKP", "crv": "Ed25519", "x": their_x}}
    yield "jku, x5u and jwk of another's", signed(theirs, {**header, **there}, claims)
    yield "the same, without our kid", signed(theirs, {"alg": "EdDSA", "typ": "at+jwt", **there}, claims)
    yield "expired", ours(exp=now - 61)
    yield "not yet valid", ours(nbf=now + 120)
    yield "issued in the future", ours(iat=now + 120)
    yield "without an end", without("exp")
    yield "an end that is text", ours(exp=str(now + 900))
    yield "another audience", ours(aud="others")
    yield "no audience", without("aud")
    yield "another issuer", ours(iss="https://others.example")
    yield "no issuer", without("iss")
    yield "typ JWT", ours({"typ": "JWT"})
    yield "no typ", signed(key, {"alg": "EdDSA", "kid": header["kid"]}, claims)
    yield "a crit header", ours({"crit": ["b64"], "b64": False})
    yield "a member who is not there", ours(sub="nobody")
    yield "no member", without("sub")
    yield "over long", ours(padding="x" * 9000)
    yield "cut short", token[:-1]
    yield "without a signature", head + "." + payload
    yield "a signature of zeros", head + "." + payload + "." + part(bytes(64))
    yield "a claim that comes twice", text(json.dumps(header), json.dumps(claims)[:-1] + ', "sub": "ada"}')
    yield "a header that comes twice", text(json.dumps(header)[:-1] + ', "alg": "EdDSA"}', json.dumps(claims))
    yield "padded", token + "=="
    yield "another part", token + ".x"
    yield "no JSON", text("at+jwt", json.dumps(claims))
    yield "empty parts", ".."


def attack(issuer, token, folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    elsewhere = f"http://127.0.0.1:{server.server_port}/keys"
    kid = jwt.get_unverified_header(token)["kid"]
    key = serialization.load_pem_private_key((pathlib.Path(folder) / f"{kid}.pem").read_bytes(), None)
    good = told("the token that is changed is good", status_of(issuer + "/v2/", token) == 200)
    for what, forged in attacks(token, key, elsewhere):
        statuses = [status_of(issuer + path, forged) for path in ("/v2/", "/v1/me")]
        good &= told(f"{what}: refused", statuses == [401, 401], statuses)
    good &= told("nobody looked where the tokens said", Elsewhere.visits == 0, Elsewhere.visits)
    return good


# ---- rotate ----

def rotate(issuer, password, rounds, *command):
    """Clients ask with the tokens there are, old and new, while keys come."""
    tokens, failures, asked, over = [], [], [0], threading.Event()
    endpoint = discovered(issuer)["token_endpoint"] + "?scope=repository:tool:pull"
    basic = "Basic " + base64.b64encode(password.encode()).decode()

    def take_token():
        tokens.append(json.loads(get(endpoint, {"Authorization": basic})[2])["token"])

    def ask(number):
        while not over.is_set():
            status = status_of(issuer + "/v2/", tokens[(number + asked[0]) % len(tokens)])
            asked[0] += 1
            if status != 200:
                failures.append(status)

    take_token()
    clients = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for client in clients:
        client.start()
    for _ in range(int(rounds)):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        take_token()
    over.set()
    for client in clients:
        client.join()
    kids = {jwt.get_unverified_header(token)["kid"] for token in tokens}
    good = told("every rotation put another key in place", len(kids) == len(tokens), kids)
    good &= told("and no request failed meanwhile", not failures and asked[0] > len(tokens), failures[:5])
    client = jwt.PyJWKClient(discovered(issuer)["jwks_uri"])
    for token in tokens:
        jwt.decode(token, client.get_signing_key_from_jwt(token).key, algorithms=["EdDSA"], audience=SERVICE,
                   issuer=issuer)
    good &= told("all their tokens verify elsewhere", True)
    return good


if __name__ == "__main__":
    run = {"check": check, "attack": attack, "rotate": rotate}[sys.argv[1]]
    sys.exit(0 if run(*sys.argv[2:]) else 1)
