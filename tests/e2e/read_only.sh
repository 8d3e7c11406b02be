#!/bin/bash
# The cache's disk becomes read-only, as a file system does that found an error: what would have to be written is a 500 of
# ours, what is here is served and counted, a start says what is wrong; when it can be written again all goes on.

source "$(dirname "$0")/lib.bash"

((EUID == 0)) || skip_all "only root may mount a small disk"
mkdir "$work/disk"
mount -t tmpfs -o size=32m none "$work/disk" 2>/dev/null || skip_all "nothing can be mounted here"
unmount() {
    local status=$?
    end_all
    umount "$work/disk" 2>/dev/null
    (exit $status)
    finish
}
trap unmount EXIT

cp -r "$examples/storefront" "$work/storefront"
sed -i "s|cache = {|cache = { dir = \"$work/disk/cache\", min_free_bytes = \"1MiB\",|" "$work/storefront/dunite.lua"
start_here() {
    DUNITE_LISTEN=${storefront_address:-127.0.0.1:0} engine "$work/storefront.log" "$work/storefront"
    storefront_pid=$pid storefront_address=$address storefront=http://$address
}
remount() { mount -o "remount,$1" "$work/disk"; }
descriptors() { find "/proc/$storefront_pid/fd" -lname "$work/disk/*" | wc -l; }

asset here.bin 3000000
asset cold.bin 3000000
start_double
export DOWNLOAD_DAILY_LIMIT_PER_USER=7
write_catalog
storefront_env
start_here
member ada correct-horse
ada=(-u ada@example.com:correct-horse)
ask "$downloads/here.bin" "${ada[@]}" # 1 of the day
is "an asset is cached" "$status" 200
before=$(descriptors)

check "the disk becomes read-only" remount ro
for _ in 1 2 3; do ask "$downloads/cold.bin" "${ada[@]}"; done # given back: it is our fault
is "what would have to be written is 500" "$status" 500
has "by its code" "$body" '"code":"io"'
check "Io in the log" until_true 10 has_logged 'cold.bin status=500 .*problem=Io' 3
is "never Transport" "$(grep -c problem=Transport "$work/storefront.log")" 0
ask "$downloads/here.bin" "${ada[@]}" # 2
is "what is here is served" "$status $(sum "$work/body")" "200 $(sum "$releases/acme/tool/v1.0.0/here.bin")"
control cache rm "$(sum "$releases/acme/tool/v1.0.0/here.bin")" >/dev/null
ask "$downloads/here.bin" "${ada[@]}"
is "what was removed is not served, though its file could not go" "$status" 500
is "no lease is held" "$(metric dunite_limiter_leases)" 0
no_more() { (($(descriptors) <= before)); }
check "no descriptor is left open" until_true 10 no_more

stop "$storefront_pid" KILL
timeout 20 "$DUNITE" serve "$work/storefront" --listen 127.0.0.1:0 >"$work/refused.log" 2>&1
is "it does not start on it" $? 1
has "and says why" "$(cat "$work/refused.log")" "write to the cache folder $work/disk/cache: Read-only file system"

check "the disk can be written again" remount rw
start_here
ask "$downloads/cold.bin" "${ada[@]}" # 3
is "then what was not is fetched" "$status $(sum "$work/body")" "200 $(sum "$releases/acme/tool/v1.0.0/cold.bin")"
for _ in 4 5 6 7; do ask "$downloads/here.bin" "${ada[@]}"; done
is "and each was counted once" "$status" 200
ask "$downloads/here.bin" "${ada[@]}"
is "up to the cap" "$status" 429
