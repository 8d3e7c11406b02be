#!/bin/bash
# An asset of 5 GiB comes whole, to two at once, by one fetch, in memory that does not grow with it. Takes 5 GiB of disk.

source "$(dirname "$0")/../lib.bash"

size=$((5 << 30))
mkdir -p "$releases/acme/tool/v1.0.0"
truncate -s "$size" "$releases/acme/tool/v1.0.0/huge.bin"
printf 'the end' | dd of="$releases/acme/tool/v1.0.0/huge.bin" bs=1 seek=$((size - 7)) conv=notrunc status=none
wanted=$(sum "$releases/acme/tool/v1.0.0/huge.bin")
start_double
start_storefront --workers 1
member ada correct-horse
ada=(-u ada@example.com:correct-horse)

peak() { awk '/^VmHWM/ { print $2 }' "/proc/$storefront_pid/status"; } # KiB

ask "$downloads" "${ada[@]}"
has "its size is told exactly" "$body" "\"size\":$size[,}]"
ask "$downloads/huge.bin" "${ada[@]}" -I
is "HEAD tells it, too" "$(header content-length)" "$size"
before=$(peak)
curl -s "${ada[@]}" "$storefront$downloads/huge.bin" | sha256sum >"$work/one" &
one=$!
curl -s "${ada[@]}" "$storefront$downloads/huge.bin" | sha256sum >"$work/two"
wait "$one"
is "it comes whole" "$(cut -d' ' -f1 "$work/one")" "$wanted"
is "to both" "$(cut -d' ' -f1 "$work/two")" "$wanted"
is "by one fetch" "$(upstream_count "$(path_of huge.bin)")" 1
grown=$(($(peak) - before))
check "memory grew by $grown KiB, which is less than 32 MiB" test "$grown" -lt 32768
ask "$downloads/huge.bin" "${ada[@]}" -r -7
is "its last bytes may be had alone" "$status $body" '206 the end'
is "and are where they should be" "$(header content-range)" "bytes $((size - 7))-$((size - 1))/$size"
ask "$downloads/huge.bin" "${ada[@]}" -r 4294967290-4294967301
is "as may those where 32 bits end" "$status $(header content-length)" '206 12'
