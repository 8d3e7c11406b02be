#!/bin/bash
# The operator's side: members, keys and state by the command line, with and without a running engine; health and
# metrics; the drain.

source "$(dirname "$0")/lib.bash"

asset tool.bin 2000000
start_double
write_catalog
storefront_env

# ---- without an engine ----

check "a member is added without an engine" member ada correct-horse --entitle vault
is "there is a list" "$(control member list | awk 'NR > 1 { print $1, $2, $3 }')" 'ada ada@example.com true'
if said=$(member ada again 2>&1); then not_ok "the same id twice is refused"; else ok "the same id twice is refused"; fi
has "with a reason" "$said" 'ada already'
control status >"$work/said" 2>&1
is "status without an engine is 1" $? 1
has "and says so" "$(cat "$work/said")" 'no engine runs'
"$DUNITE" member add bob --dir "$examples/storefront" >"$work/said" 2>&1 </dev/null
is "a call without what it needs is 2" $? 2
"$DUNITE" nonsense >"$work/said" 2>&1
is "a command that is none is 2" $? 2
"$DUNITE" serve --nonsense >"$work/said" 2>&1
is "an option that is none is 2" $? 2
"$DUNITE" member add bob --email bob@example.com --password-stdin --dir "$examples/storefront" --data-dir "$data" \
    </dev/null >"$work/said" 2>&1
is "without a password nobody is added" $? 1
check "the version names what is linked" grep -q '^openssl' <("$DUNITE" version)
check "help names the commands" grep -q '^  serve ' <("$DUNITE" help)

kid=$(control keys list | awk 'NR == 2 { print $1 }')
check "a key was made at the first start" test ${#kid} = 43
check "another is made" control keys new
is "now there are two" "$(control keys list | awk 'NR > 1' | wc -l)" 2
is "one of them active" "$(control keys list | awk 'NR > 1 && $2 == "true"' | wc -l)" 1
is "another than before" "$(control keys list | awk -v kid="$kid" '$1 == kid { print $2 }')" false
is "private keys are their owner's only" "$(find "$data/keys" -name '*.pem' ! -perm 600 | wc -l)" 0

# ---- with one ----

start_storefront --workers 2
is "the control socket is its owner's only" "$(stat -c %a "$data/control.sock")" 600
ask "$downloads/tool.bin" -u ada@example.com:correct-horse
is "who was added before signs in" "$status" 200
ask /v1/applications/vault/downloads -u ada@example.com:correct-horse
is "with the entitlement" "$status" 200
check "a member is added to the running engine" member eve first-password
ask "$downloads" -u eve@example.com:first-password
is "and signs in at once" "$status" 200
ask /v1/applications/vault/downloads -u eve@example.com:first-password
is "without the entitlement" "$status" 404
check "the password is changed" control member passwd eve --password-stdin <<<second-password
ask "$downloads" -u eve@example.com:first-password
is "the old one is worth nothing at once" "$status" 401
ask "$downloads" -u eve@example.com:second-password
is "the new one is" "$status" 200
token_of() { # MEMBER:PASSWORD
    curl -s -u "$1" "$storefront/auth/token?service=storefront" | sed 's/.*"token":"\([^"]*\)".*/\1/'
}
token=$(token_of eve@example.com:second-password)
ask /v2/ -H "Authorization: Bearer $token"
is "a token of eve's is taken" "$status" 200
check "another key is made while it runs" control keys new
ask /v2/ -H "Authorization: Bearer $token"
is "a token of the key before is still taken" "$status" 200
ask /.well-known/jwks.json
is "all three keys are public" "$(grep -o '"kid"' <<<"$body" | wc -l)" 3
lacks "their private parts are not" "$body" '"d"'
check "eve is disabled" control member disable eve
ask "$downloads" -u eve@example.com:second-password
is "and may nothing at once" "$status" 401
ask /v2/ -H "Authorization: Bearer $token"
is "nor with a token" "$status" 401
check "nobody that is not there is disabled" test "$(control member disable nobody >/dev/null 2>&1; echo $?)" = 1
check "eve is removed" control member remove eve
is "one member is left" "$(control member list | awk 'NR > 1' | wc -l)" 1
check "status is JSON" python3 -c 'import json, sys
status = json.load(sys.stdin)
assert status["ready"] and status["members"] == 1' < <(control status)
check "so are flights" python3 -m json.tool < <(control flights)
check "and limits, with what ada used" python3 -c 'import json, sys
(row,) = json.load(sys.stdin)["limits"]
assert row["member"] == "ada" and row["used"] == 1 and row["running"] == 0, row' < <(control limits)
lacks "no secret is in any of it" "$(control status; control flights; control limits)" "$double_token"

# ---- health and metrics ----

ask /healthz
is "healthy" "$status" 200
ask /readyz
is "ready" "$status $body" '200 {"status":"ready"}'
ask /metrics
is "metrics are text" "$(header content-type)" 'text/plain; version=0.0.4; charset=utf-8'
cat >"$work/parse.py" <<'PY'
# Prometheus' text format 0.0.4, as strictly as its own linter: HELP and TYPE before samples, names, no sample twice,
# histograms whole.
import re, sys
name = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
sample = re.compile(rf'^({name})(\{{(?:{name}="(?:[^"\\\n]|\\.)*",?)*\}})? (-?[0-9.e+-]+|\+Inf|NaN)$')
types, helped, seen = {}, set(), set()
for line in sys.stdin.read().splitlines():
    if line.startswith("# HELP "):
        helped.add(line.split()[2])
    elif line.startswith("# TYPE "):
        _, _, metric, kind = line.split()
        assert metric not in types, line
        types[metric] = kind
    else:
        found = sample.match(line)
        assert found, line
        base = re.sub(r"_(bucket|sum|count)$", "", found[1])
        metric = found[1] if found[1] in types else base
        assert metric in types and metric in helped and metric.startswith("dunite_"), line
        assert types[metric] != "counter" or metric.endswith("_total"), line
        assert (found[1], found[2]) not in seen, line
        seen.add((found[1], found[2]))
assert not any("sha256:" in (labels or "") for _, labels in seen)
for metric, kind in types.items():
    if kind == "histogram":
        assert any(n == metric + "_bucket" and 'le="+Inf"' in labels for n, labels in seen), metric
for wanted in sys.argv[1:]:
    assert wanted in types, wanted
PY
check "and parse" python3 "$work/parse.py" dunite_requests_total dunite_request_seconds dunite_cache_results_total \
    dunite_flights dunite_fills_total dunite_limiter_leases dunite_upstream_requests_total dunite_lua_bytes \
    dunite_build_info <"$work/body"
before=$(metric 'dunite_requests_total{route="/healthz",method="GET",code="200"}')
ask /healthz
is "requests are counted" "$(metric 'dunite_requests_total{route="/healthz",method="GET",code="200"}')" $((before + 1))

# ---- a drain ----

export RELEASE_CACHE_TTL_SECS=0
asset slow.bin 4000000
stop "$storefront_pid"
start_storefront --workers 2
script "{\"path\":\"$(path_of slow.bin)\",\"gate\":{\"at\":2000000}}"
curl -s -u ada@example.com:correct-horse -o "$work/slow" "$storefront$downloads/slow.bin" &
slow=$!
started+=("$slow")
check "a download is half-way" until_true 20 waits_at_gate "$(path_of slow.bin)"
kill -TERM "$storefront_pid"
unready() { [[ $(curl -s -o /dev/null -w '%{http_code}' "$storefront/readyz") == 503 ]]; }
check "an engine that drains is not ready" until_true 10 unready
check "but lives" kill -0 "$storefront_pid"
open_gate "$(path_of slow.bin)"
wait $slow
is "the download ends well" "$? $(sum "$work/slow")" "0 $(sum "$releases/acme/tool/v1.0.0/slow.bin")"
wait "$storefront_pid"
is "then the engine ends with 0" $? 0
curl -s "$storefront/healthz"
is "and nobody listens" $? 7
