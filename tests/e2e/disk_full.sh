#!/bin/bash
# The disk is full: what would have to be written is a 500 of ours, what is there is served, and denials still hold.

source "$(dirname "$0")/lib.bash"

((EUID == 0)) || skip_all "only root may mount a small disk"
mkdir "$work/disk"
mount -t tmpfs -o size=48m none "$work/disk" 2>/dev/null || skip_all "nothing can be mounted here"
unmount() {
    end_all
    umount "$work/disk"
    finish
}
trap unmount EXIT
data=$work/disk/data

asset small.bin 3000000
asset large.bin 100000000
start_double
export DOWNLOAD_DAILY_LIMIT_PER_USER=4
start_storefront
member ada correct-horse
member bob battery-staple
ada=(-u ada@example.com:correct-horse) bob=(-u bob@example.com:battery-staple)

ask "$downloads/small.bin" "${ada[@]}" # 1 of the day
is "a small asset is cached" "$status" 200

for _ in 1 2 3 4 5; do ask "$downloads/large.bin" "${ada[@]}"; done
is "one that does not fit is 500" "$status" 500
has "by its code" "$body" '"code":"io"'
check "Io in the log" until_true 10 has_logged 'large.bin status=500 .*problem=Io' 1
check "never Transport" test "$(grep -c problem=Transport "$work/storefront.log")" = 0

# Now the last byte, as somebody else's files would take it.
cat /dev/zero >"$work/disk/filler" 2>/dev/null
is "the disk is full" "$(df --output=avail "$work/disk" | tail -n 1 | tr -d ' ')" 0
ask "$downloads/small.bin" "${ada[@]}" # 2
is "what is cached is served from a full disk" "$status" 200
is "whole" "$(sum "$work/body")" "$(sum "$releases/acme/tool/v1.0.0/small.bin")"
ask "$downloads/small.bin" "${bob[@]}" # 1
is "to another member, too" "$status" 200
ask "$downloads/large.bin" "${ada[@]}"
is "what is not is 500" "$status" 500
for _ in 1 2 3 4; do ask "$downloads/small.bin" "${ada[@]}"; done
is "the day's cap still denies" "$status" 429
has "by its code" "$body" '"code":"download_daily_limit"'

rm "$work/disk/filler"
stop "$storefront_pid" KILL
start_storefront
ask "$downloads/small.bin" "${ada[@]}"
is "counts that were granted on a full disk are there after a kill -9" "$status" 429
asset later.bin 1000000
ask "$downloads/small.bin" "${bob[@]}"
is "and all goes on" "$status" 200
