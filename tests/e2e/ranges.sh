#!/bin/bash
# Ranges and conditions as clients send them (RFC 9110 sections 13 and 14), of an asset that is cold, one that is coming
# in, and one that is here: curl -C -, aria2c -x16, the open-ended ranges that containerd sends at once.

source "$(dirname "$0")/lib.bash"

size=6000000 half=3000000 held=65536
assets=$releases/acme/tool/v1.0.0
for name in cold.bin filling.bin gated.bin pieces.bin; do asset $name $size; done
asset aria.bin 20000000
start_double
export DOWNLOAD_DAILY_LIMIT_PER_USER=100 # two at once, as ever
start_storefront
member ada correct-horse
ada=(-u ada@example.com:correct-horse)
part() { tail -c +$(($2 + 1)) "$assets/$1" | head -c "$3" | sum /dev/stdin; } # FILE FIRST LENGTH
asked() { upstream_count "$(path_of "$1")"; }

# Conditions that need no body: the same in all three states.
conditions() { # STATE FILE
    ask "$downloads/$2" "${ada[@]}" -I
    is "$1: HEAD tells the size" "$status $(header content-length)" "200 $size"
    has "$1: and that ranges go" "$(header accept-ranges)" bytes
    etag=$(header etag)
    ask "$downloads/$2" "${ada[@]}" -H "If-None-Match: \"another\", W/$etag"
    is "$1: If-None-Match, a list, compared weakly" "$status" 304
    ask "$downloads/$2" "${ada[@]}" -H 'If-None-Match: *' -H 'Range: bytes=0-9'
    is "$1: If-None-Match: * goes before Range" "$status" 304
    ask "$downloads/$2" "${ada[@]}" -I -H "If-None-Match: $etag"
    is "$1: also of HEAD" "$status" 304
    [[ $1 != cold ]] || is "$1: none of that fetched it" "$(asked "$2")" 0
    ask "$downloads/$2" "${ada[@]}" -H 'If-Match: "another"'
    is "$1: If-Match of another is 412" "$status" 412
    ask "$downloads/$2" "${ada[@]}" -H "Range: bytes=$size-"
    is "$1: a range behind the end is 416" "$status $(header content-range)" "416 bytes */$size"
}

# ---- cold ----

conditions cold cold.bin
head -c 1000000 "$assets/pieces.bin" >"$work/mine"
check "cold: curl -C - goes on with what it has" \
    curl -sf -C - "${ada[@]}" -o "$work/mine" "$storefront$downloads/pieces.bin"
is "and has the whole then" "$(sum "$work/mine")" "$(sum "$assets/pieces.bin")"
is "which was fetched once" "$(asked pieces.bin)" 1

# ---- while it comes in: three open-ended ranges at once ----

path=$(path_of filling.bin)
script "{\"path\":\"$path\",\"gate\":{\"at\":$half}}"
firsts=(0 1000000 4000000) pids=()
for first in "${firsts[@]}"; do
    start "$work/range.log" curl -s -N "${ada[@]}" -D "$work/head.$first" -o "$work/range.$first" -r "$first-" \
        "$storefront$downloads/filling.bin"
    pids+=("$pid")
done
check "filling: the origin stands at its middle" until_true 30 waits_at_gate "$path"
has_bytes() { [[ $(wc -c <"$1") -ge $2 ]]; }
check "a range from the beginning has what is there" until_true 30 has_bytes "$work/range.0" $((half - held))
check "so has one from within" until_true 30 has_bytes "$work/range.1000000" $((half - 1000000 - held))
check "one that has not come yet has its headers" until_true 30 has_bytes "$work/head.4000000" 100
check "and no byte" test ! -s "$work/range.4000000"
open_gate "$path" # the ends of the three are due; what follows would wait for them
wait "${pids[@]}"
for first in "${firsts[@]}"; do
    is "bytes=$first- is that part" "$(sum "$work/range.$first")" "$(part filling.bin "$first" $((size - first)))"
    has "and says so" "$(cat "$work/head.$first")" "content-range: bytes $first-$((size - 1))/$size"
done
is "one fetch for all three" "$(asked filling.bin)" 1

path=$(path_of gated.bin)
script "{\"path\":\"$path\",\"gate\":{\"at\":$half}}"
start "$work/whole.log" curl -s "${ada[@]}" -o "$work/whole" "$storefront$downloads/gated.bin"
whole_pid=$pid
check "filling: another stands at its middle" until_true 30 waits_at_gate "$path"
conditions filling gated.bin
open_gate "$path"
wait "$whole_pid"
is "filling: the whole is whole" "$(sum "$work/whole")" "$(sum "$assets/gated.bin")"

# ---- here ----

conditions warm gated.bin
get() { ask "$downloads/gated.bin" "${ada[@]}" "$@"; }
get -r 0-0
is "warm: one byte" "$status $(header content-range) $(sum "$work/body")" "206 bytes 0-0/$size $(part gated.bin 0 1)"
get -r -100
is "a suffix" "$(header content-range) $(sum "$work/body")" \
    "bytes $((size - 100))-$((size - 1))/$size $(part gated.bin $((size - 100)) 100)"
get -r 5999990-9999999
is "a part ends where the thing ends" "$(header content-range)" "bytes 5999990-$((size - 1))/$size"
get -r 0-9,20-29
is "several ranges are answered with the whole" "$status $(header content-length)" "200 $size"
get -H 'Range: bytes=9-5'
is "one that is none is ignored" "$status $(header content-length)" "200 $size"
get -r 0-9 -H "If-Range: $etag"
is "If-Range with the tag" "$status" 206
get -r 0-9 -H "If-Range: W/$etag"
is "compares strongly" "$status" 200
get -r 0-9 -H 'If-Range: "another"'
is "and lets the range count only for that thing" "$status" 200
get -r 0-9 -H 'If-Range: Sat, 01 Jan 2000 00:00:00 GMT'
is "a date is not it" "$status" 200

# ---- many connections at once, as aria2 makes them ----

check "aria2c -x16 takes a cold one in pieces" aria2c -q -x16 -s16 -k1M --allow-overwrite=true --file-allocation=none \
    --http-user=ada@example.com --http-passwd=correct-horse -d "$work" -o aria "$storefront$downloads/aria.bin"
is "and has the whole" "$(sum "$work/aria")" "$(sum "$assets/aria.bin")"
is "one fetch for all pieces" "$(asked aria.bin)" 1
is "and nothing is held any more" "$(metric dunite_limiter_leases)" 0
