#!/bin/bash
# A cache on another disk than the ledgers: what is cached is there and nowhere else, also over a restart; when that disk
# is full the ledgers still count; when it is not there, nothing starts in its place.

source "$(dirname "$0")/lib.bash"

((EUID == 0)) || skip_all "only root may mount a small disk"
mkdir "$work/disk"
mount -t tmpfs -o size=16m none "$work/disk" 2>/dev/null || skip_all "nothing can be mounted here"
unmount() {
    local status=$?
    end_all
    umount "$work/disk" 2>/dev/null
    (exit $status)
    finish
}
trap unmount EXIT

# The storefront, but for where its cache is.
cp -r "$examples/storefront" "$work/storefront"
sed -i "s|cache = {|cache = { dir = \"$work/disk/cache\", min_free_bytes = \"1MiB\",|" "$work/storefront/dunite.lua"
start_here() {
    DUNITE_LISTEN=${storefront_address:-127.0.0.1:0} engine "$work/storefront.log" "$work/storefront"
    storefront_pid=$pid storefront_address=$address storefront=http://$address
}
files() { find "$work/disk/cache/sha256" -type f 2>/dev/null | wc -l; }

asset small.bin 3000000
asset large.bin 30000000
asset brim.bin 14000000
start_double
write_catalog
storefront_env
start_here
member ada correct-horse
ada=(-u ada@example.com:correct-horse)
leases() { metric dunite_limiter_leases; }

ask "$downloads/small.bin" "${ada[@]}"
is "an asset is fetched onto that disk" "$status $(files)" "200 1"
check "and the ledgers are on theirs" test -f "$data/journal.db" -a -f "$data/counts.db" -a ! -e "$data/cache"

ask "$downloads/large.bin" "${ada[@]}"
is "one that it has no room for is 500" "$status" 500
is "with the lease back" "$(leases)" 0
ask "$downloads/brim.bin" "${ada[@]}"
is "one for which others must go is fetched" "$status $(sum "$work/body")" "200 $(sum "$releases/acme/tool/v1.0.0/brim.bin")"
is "and they went" "$(files)" 1

stop "$storefront_pid" KILL
start_here
ask "$downloads/brim.bin" "${ada[@]}"
is "a restart finds what is there" "$(header cache-status)" 'dunite; hit'

stop "$storefront_pid"
umount "$work/disk"
timeout 20 "$DUNITE" serve "$work/storefront" --listen 127.0.0.1:0 >"$work/refused.log" 2>&1
is "without its disk it does not start" $? 1
has "and says what to do" "$(cat "$work/refused.log")" 'accept-empty-cache'
check "and has made nothing in its place" test -z "$(find "$work/disk" -name sha256)"
