#!/bin/bash
# The cache is full: the least recently used asset goes for a new one, also over a restart; one that has no room is a
# 503 and takes nobody's place.

source "$(dirname "$0")/lib.bash"

for name in one.bin two.bin three.bin; do asset $name 1000000; done
asset large.bin 3000000
start_double
export CACHE_MAX_BYTES=2500000 DOWNLOAD_DAILY_LIMIT_PER_USER=100
start_storefront
member ada correct-horse
ada=(-u ada@example.com:correct-horse)

fetch() { ask "$downloads/$1" "${ada[@]}"; }
cached() { header cache-status | grep -q 'hit'; }

fetch one.bin
fetch two.bin
is "two are cached" "$(metric dunite_cache_blobs)" 2
fetch one.bin
check "and served from there" cached
fetch three.bin
is "a third evicts one" "$(metric dunite_cache_evictions_total)" 1
is "and comes whole" "$(sum "$work/body")" "$(sum "$releases/acme/tool/v1.0.0/three.bin")"
fetch one.bin
check "the one that was used stayed" cached
is "the limit holds" "$(metric dunite_cache_bytes)" 2000000

fetch large.bin
is "one larger than the cache is 503" "$status" 503
has "by its code" "$body" '"code":"overloaded"'
is "and evicts nobody" "$(metric dunite_cache_blobs)" 2

stop "$storefront_pid" KILL
start_storefront
fetch three.bin
check "what was cached is, after a kill -9" cached
fetch two.bin
is "and the limit holds on" "$(metric dunite_cache_bytes)" 2000000
is "with as many files" "$(find "$work/data/cache/sha256" -type f | wc -l)" 2
