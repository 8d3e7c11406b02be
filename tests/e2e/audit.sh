#!/bin/bash
# Who got what: each request is in the audit once and ends once, wherever its client hangs up and whatever dies.

source "$(dirname "$0")/lib.bash"
source "$examples/demo/image.bash"

for name in whole headers middle crash_a crash_b rst keep; do asset "$name.bin" 2000000; done
asset empty.bin 0
make_image "$layouts/acme/tool" 1000 v1.0.0
start_double
export OCI_CONCURRENT_MANIFESTS_PER_USER=1
start_storefront
member ada correct-horse
member bob battery-staple
ada=(-u ada@example.com:correct-horse)

# story WHAT: the events of an asset, or of a kind, as "event:bytes:reason", in order.
story() {
    control audit --json | python3 -c '
import json, sys
for line in sys.stdin:
    row = json.loads(line)
    if sys.argv[1] in (row.get("asset"), row["kind"] + " " + row["member"]):
        print(row["event"], *(str(row[key]) for key in ("bytes", "reason") if key in row), sep=":", end=" ")' "$1"
}
story_is() { [[ "$(story "$1")" == $2 ]]; }
tells() { # NAME WHAT PATTERN: the story becomes that
    if until_true 10 story_is "$2" "$3"; then ok "$1"; else not_ok "$1" "$2: '$(story "$2")', wanted '$3'"; fi
}

# get NAME [curl options]: in the background, as $client.
get() {
    curl -s -o /dev/null "${ada[@]}" "${@:2}" "$storefront$downloads/$1" &
    client=$!
}
hang_up() {
    kill -KILL "$1"
    wait "$1" 2>/dev/null
}

# ---- who got what ----

ask "$downloads/whole.bin" "${ada[@]}"
tells "a download is requested, and completed" whole.bin 'requested completed:2000000 '
digest=sha256:$(sum "$releases/acme/tool/v1.0.0/whole.bin")
ask "$downloads/whole.bin" -u bob@example.com:battery-staple -r 0-9
until_true 10 story_is whole.bin '* completed:10 '
said=$(control audit --digest "$digest" --json)
is "its digest says who has it" "$(grep -o '"member":"[a-z]*"' <<<"$said" | tr '\n' ' ')" '"member":"ada" "member":"bob" '
has "from where" "$said" '"address":"127.0.0.1"'
has "and by what" "$said" '"credential":"password"'
is "one line for each" "$(wc -l <<<"$said")" 2
is "nobody has another" "$(control audit --digest "sha256:$(printf '%064d' 0)" --json)" ""
is "a member's are their own" "$(control audit --member bob --json | grep -vc '"member":"bob"')" 0
is "an application's, too" "$(control audit --app kit --json)" ""
is "nothing is from tomorrow" "$(control audit --since 2999-01-01 --json)" ""
has "text has columns" "$(control audit --since 1h | head -n 1)" '^at +event +kind +member'
ask "$downloads/empty.bin" "${ada[@]}"
tells "an empty file is completed, too" empty.bin 'requested completed:0 '
ask "$downloads/%1b%5b31m%0a" "${ada[@]}"
lacks "what a stranger calls a file cannot reach the terminal" "$(control audit | tr -d '\n')" $'\e'
said=$(control audit --since yesterday 2>&1)
has "a time that is none is refused" "$? $said" '^2 .*--since: found "yesterday"'

# ---- hanging up ----

rows() { control audit --json | wc -l; }
before=$(rows)
printf 'GET %s/headers.bin HTTP/1.1\r\nHost: x\r\n' "$downloads" >"/dev/tcp/${storefront_address/://}"
is "before the request is whole: nothing was requested" "$(rows)" "$before"

kill -STOP "$double_pid"
get headers.bin
tells "a client waits for upstream" headers.bin 'requested '
hang_up "$client"
tells "hanging up then is aborted" headers.bin 'requested aborted:0 '

bearer=$(curl -s "${ada[@]}" "$storefront/auth/token?scope=repository:tool:pull" | grep -o '"token":"[^"]*' | cut -d'"' -f4)
pull() {
    curl -s -o /dev/null -H "Authorization: Bearer $bearer" "$storefront/v2/tool/manifests/v1.0.0" &
    client=$!
}
pull
first=$client
tells "a pull waits for upstream" 'pull ada' 'requested '
pull
tells "a second one waits for a slot" 'pull ada' 'requested requested '
hang_up "$client"
tells "hanging up while it waits for a slot is aborted" 'pull ada' 'requested requested aborted:0 '
kill -CONT "$double_pid"
wait "$first"
tells "the first one is completed" 'pull ada' 'requested requested aborted:0 completed:[0-9]* '

script "{\"path\":\"$(path_of middle.bin)\",\"gate\":{\"at\":1000000}}"
get middle.bin
until_true 10 waits_at_gate "$(path_of middle.bin)"
hang_up "$client"
tells "hanging up in mid-body is aborted" middle.bin 'requested aborted:*'
check "with the bytes that were sent" test "$(story middle.bin | grep -o '[0-9]*' | head -n 1)" -le 1000000
open_gate "$(path_of middle.bin)"

# Two at once on one connection: the second is not looked at before the first has ended.
script "{\"path\":\"$(path_of keep.bin)\",\"gate\":{\"at\":1000000}}"
basic=$(printf 'ada@example.com:correct-horse' | base64)
exec 5<>"/dev/tcp/${storefront_address/://}"
request="Host: x\r\nAuthorization: Basic $basic\r\n\r\n"
printf "GET $downloads/keep.bin HTTP/1.1\r\n${request}GET $downloads/rst.bin HTTP/1.1\r\n$request" >&5
until_true 10 waits_at_gate "$(path_of keep.bin)"
exec 5>&-
tells "hanging up on the first of two ends that" keep.bin 'requested aborted:*'
is "and the second was never requested" "$(story rst.bin)" ""
open_gate "$(path_of keep.bin)"

for _ in $(seq 20); do
    printf "GET $downloads/rst.bin HTTP/1.1\r\n$request" >"/dev/tcp/${storefront_address/://}"
done
balanced() {
    control audit --json | python3 -c '
import collections, json, sys
asked, ended = collections.Counter(), collections.Counter()
for line in sys.stdin:
    row = json.loads(line)
    (asked if row["event"] == "requested" else ended)[row["request_id"]] += 1
sys.exit(0 if asked == ended and set(asked.values()) == {1} else 1)'
}
check "twenty who leave at once: what was requested has ended, once" until_true 10 balanced

# ---- the engine ends ----

script "{\"path\":\"$(path_of crash_a.bin)\",\"gate\":{\"at\":1000000}}"
get crash_a.bin --max-time 60
until_true 10 waits_at_gate "$(path_of crash_a.bin)"
kill -STOP "$double_pid"
get crash_b.bin --max-time 60
tells "one is in mid-body, one waits for upstream" crash_b.bin 'requested '
stop "$storefront_pid" KILL
kill -CONT "$double_pid"
is "after a kill -9 the audit is there to be read" "$(story crash_a.bin)" 'requested '
curl -sf "$double/double/reset" -d '{}' >/dev/null
start_storefront
tells "the next start notes what was interrupted" crash_a.bin 'requested interrupted:0 '
tells "each" crash_b.bin 'requested interrupted:0 '
stop "$storefront_pid"
start_storefront
tells "once" crash_b.bin 'requested interrupted:0 '
check "all that was requested has ended, once" balanced

asset drain.bin 2000000
stop "$storefront_pid"
export RELEASE_CACHE_TTL_SECS=0
start_storefront
script "{\"path\":\"$(path_of drain.bin)\",\"gate\":{\"at\":1000000}}"
get drain.bin --max-time 60 # counted
until_true 10 waits_at_gate "$(path_of drain.bin)"
used() { sqlite3 -readonly "$data/counts.db" "SELECT sum(ceiling) FROM ceilings WHERE subject = 'ada'"; }
before=$(used)
kill -TERM "$storefront_pid"
is_draining() { [[ $(curl -s -o /dev/null -w "%{http_code}" "$storefront/readyz") == 503 ]]; }
until_true 10 is_draining
stop "$storefront_pid" # a second signal cuts the drain short
is "what an ending engine cuts off is ours" "$(story drain.bin)" 'requested failed:1000000:drained '
is "and is refunded" "$(used)" $((before - 1))
is "a stopped engine's audit is read, too" "$(control audit --json | wc -l)" "$(control audit | tail -n +2 | wc -l)"
