#!/bin/bash
# Everything at once: clients that leave, crawl and ask for pieces, an upstream that breaks off, refuses, crawls and goes
# away, a cache that is too small. No body that is whole is ever wrong, and afterwards nothing is left over.

source "$(dirname "$0")/lib.bash"

assets=30
for ((i = 1; i <= assets; i++)); do asset "f$i.bin" 1500000; done
asset large.bin 9000000 # than the cache: it streams through
start_double
export DOWNLOAD_CONCURRENCY_PER_USER=40 DOWNLOAD_DAILY_LIMIT_PER_USER=unlimited
export CACHE_MAX_BYTES=8MiB RELEASE_CACHE_TTL_SECS=1
start_storefront --workers 2
member ada correct-horse
ask "$downloads" -u ada@example.com:correct-horse # so that the password is remembered

misbehave() {
    local i
    for ((i = 1; i <= assets; i += 3)); do
        script "{\"path\":\"$(path_of "f$i.bin")\",\"times\":3,\"cut\":$((RANDOM * 40))}"
    done
    for ((i = 2; i <= assets; i += 5)); do script "{\"path\":\"$(path_of "f$i.bin")\",\"pace\":1500000}"; done
    for ((i = 3; i <= assets; i += 7)); do script "{\"path\":\"$(path_of "f$i.bin")\",\"times\":2,\"status\":503}"; done
}

begin() { # SECONDS
    start "$work/chaos.out" python3 "$here/chaos.py" "$storefront_address" "$1" "$releases/acme/tool/v1.0.0" \
        ada@example.com:correct-horse
    chaos_pid=$pid
}

seen() { python3 -c 'import json, sys; print(json.load(sys.stdin).get(sys.argv[1], 0))' "$1" <"$work/chaos.out"; }

nothing_is_up() {
    [[ "$(metric dunite_limiter_leases) $(metric 'dunite_fills ') $(metric dunite_flights)" == '0 0 0' &&
        $(metric dunite_passages) == 0 ]]
}

leaves_nothing() { # WHAT
    wait "$chaos_pid"
    is "no body is wrong $1" $? 0
    echo "# $(cat "$work/chaos.out")"
    check "and many are whole" test "$(seen whole)" -gt 20
    check "nothing is left over" until_true 20 nothing_is_up
}

misbehave
begin 6
leaves_nothing "while upstream misbehaves"

misbehave
begin 6
check "clients are at it" until_true 10 eval '[[ $(metric dunite_limiter_leases) -gt 0 ]]'
stop "$double_pid"
start_double
leaves_nothing "when upstream goes and comes back"

check "the cache has kept to its size" test "$(metric 'dunite_cache_bytes ')" -le $((8 << 20))
check "and what is larger passed through" test "$(metric 'dunite_cache_results_total{result="bypass"}')" -gt 0
begin 3
check "clients are at it" until_true 10 eval '[[ $(metric dunite_limiter_leases) -gt 0 ]]'
stop "$storefront_pid"
is "told to end in the midst of it, it drains and ends with 0" $? 0
wait "$chaos_pid"
is "no body is wrong" $? 0
is "what it kept is what its names say" "$(cd "$data/cache/sha256" && find . -type f -exec sha256sum {} + |
    awk '{ n = split($2, part, "/"); if ($1 != part[n]) print }' | wc -l)" 0
