#!/bin/bash
# The cache is full: the least recently used asset goes for a new one, also over a restart; one that has no room streams
# through and takes nobody's place.

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

large=$releases/acme/tool/v1.0.0/large.bin
fetch large.bin
is "one larger than the cache streams through" "$(sum "$work/body")" "$(sum "$large")"
has "which the answer says" "$(header cache-status)" 'fwd=bypass'
ask "$downloads/large.bin" "${ada[@]}" -r 1000000-2000000
is "a range of it is that range" "$status $(sum "$work/body")" "206 $(tail -c +1000001 "$large" | head -c 1000001 | sum /dev/stdin)"
head -c 1500000 "$large" >"$work/half"
curl -sf -C - -o "$work/half" "${ada[@]}" "$storefront$downloads/large.bin"
is "curl -C - goes on with it" "$(sum "$work/half")" "$(sum "$large")"
ask "$downloads/large.bin" "${ada[@]}" -I
is "HEAD has its size" "$status $(header content-length)" "200 3000000"
script "{\"path\":\"$(path_of large.bin)\",\"cut\":1000000,\"times\":1}"
fetch large.bin
is "one that breaks upstream is gone on with" "$(sum "$work/body")" "$(sum "$large")"
is "it evicts nobody" "$(metric dunite_cache_blobs)" 2

stop "$storefront_pid" KILL
start_storefront
fetch three.bin
check "what was cached is, after a kill -9" cached
fetch two.bin
is "and the limit holds on" "$(metric dunite_cache_bytes)" 2000000
is "with as many files" "$(find "$work/data/cache/sha256" -type f | wc -l)" 2
