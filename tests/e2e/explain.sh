#!/bin/bash
# `dunite explain` for every route of the storefront, while it runs and while it does not, in text and as JSON.

source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

asset tool.zip 4096
start_double
write_catalog
storefront_env

explain() { "$DUNITE" explain "$examples/storefront" "$@"; }

text=$(explain GET /healthz 2>&1)
has "a deployment that never ran is explained, too" "$text" 'answer +200'
check "and gets no data folder by that" test ! -e "$data"

start_storefront
member ada 'correct horse' --entitle vault
member bob 'correct horse'
ask $downloads/tool.zip -u 'ada@example.com:correct horse'
is "a download is counted" "$status" 200

# A path for each pattern of the route table.
path_for() {
    local digest
    digest=sha256:$(printf '0%.0s' {1..64})
    sed -e 's/:slug/tool/; s/:version/v1.0.0/; s/:asset/tool.zip/; s/:reference/v1.0.0/' -e "s/:digest/$digest/" <<<"$1"
}

used() { control limits | sed "s/\"reset_in_secs\":[0-9]*//"; }
used_before=$(used)
asked_before=$(curl -sf "$double/double/counts")
routes=0
while read -r method pattern _; do
    routes=$((routes + 1))
    explained=$(explain "$method" "$(path_for "$pattern")" --as ada 2>&1)
    has "$method $pattern is explained" "$explained" "route +$method ${pattern//\*/.} "
    lacks "$method $pattern is no 500" "$explained" 'answer +5'
done < <("$DUNITE" routes "$examples/storefront")
check "there are routes" test "$routes" -gt 15
is "no limit has moved" "$(used)" "$used_before"
is "upstream was not asked" "$(curl -sf "$double/double/counts")" "$asked_before"

json() { explain "$@" --json | python3 -c "import json, sys; e = json.load(sys.stdin); print($query)"; }
query='[s["used"] for s in e["steps"] if s["step"] == "limit"], e["answer"]["status"]'
is "as JSON, with the true count" "$(json GET $downloads/tool.zip --as ada)" '[1] 200'
is "with a header" "$(query='e["answer"]["status"]' json GET $downloads/tool.zip --as ada -H 'Range: bytes=0-9')" 206
is "at another time" "$(json GET $downloads/tool.zip --as ada --at 2031-01-01T00:00:00Z)" '[0] 200'
query='[s["status"] for s in e["steps"] if s["step"] == "cache"]'
is "with what is cached" "$(json GET $downloads/tool.zip --as ada)" "['hit']"

stop "$storefront_pid"
query='[s["used"] for s in e["steps"] if s["step"] == "limit"], e["answer"]["status"]'
is "the same while no engine runs" "$(json GET $downloads/tool.zip --as ada)" '[1] 200'
has "with the members of the ledger" "$(explain GET /v1/applications/vault/downloads --as bob)" 'vault: not held'
explain GET /healthz --as adda >/dev/null 2>"$work/said"
is "a member who is not there is a failure" "$? $(cat "$work/said")" "1 dunite: there is no member 'adda', did you mean 'ada'?"
explain GET >/dev/null 2>&1
is "a call without a path is wrong" $? 2
