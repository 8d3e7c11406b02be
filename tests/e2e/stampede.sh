#!/bin/bash
# Two hundred members want the same cold asset at once: one request upstream, and everybody streams before it is whole.

source "$(dirname "$0")/lib.bash"

crowd=200 size=8000000 half=4000000

asset big.bin $size
asset left.bin $size
asset slow.bin $size
start_double
export DOWNLOAD_CONCURRENCY_PER_USER=1000 DOWNLOAD_DAILY_LIMIT_PER_USER=10000
start_storefront --workers 2
member ada correct-horse
ask "$downloads" -u ada@example.com:correct-horse # so that the crowd's password is remembered
is "a member signs in" "$status" 200

# crowd_comes ASSET [LEAVE]: its output is in $work/crowd.out.
crowd_comes() {
    start "$work/crowd.out" python3 "$here/crowd.py" "$storefront_address" "$downloads/$1" $crowd \
        ada@example.com:correct-horse ${2:+--leave "$2"}
    crowd_pid=$pid
}

whole_bodies() { grep -c "^200 $size $(sum "$releases/acme/tool/v1.0.0/$1")\$" "$work/crowd.out"; }
all_stream() { grep -q "^streaming $crowd\$" "$work/crowd.out"; }

# ---- everybody stays ----

path=$(path_of big.bin)
script "{\"path\":\"$path\",\"gate\":{\"at\":$half}}"
crowd_comes big.bin
check "the origin stands at its middle" until_true 30 waits_at_gate "$path"
check "and everybody has got bytes" until_true 60 all_stream
is "while it still stands there" "$(curl -s "$double/double/waiting?path=$path")" '{"waiting":1}'
check "others are served meanwhile" curl -sf -o /dev/null "$storefront/healthz"
open_gate "$path"
wait "$crowd_pid"
is "all end well" $? 0
is "each with the whole body" "$(whole_bodies big.bin)" $crowd
is "one request upstream" "$(upstream_count "$path")" 1
echo "# $(grep first-byte "$work/crowd.out") s (least, median, most)"
coalesced=$(metric 'dunite_cache_results_total{result="coalesced"}')
is "one missed, all others shared it" "$(metric 'dunite_cache_results_total{result="miss"}') $((coalesced))" \
    "1 $((crowd - 1))"

# ---- some leave, the one who came first among them ----

path=$(path_of left.bin)
script "{\"path\":\"$path\",\"gate\":{\"at\":$half}}"
crowd_comes left.bin 150
check "a crowd of which most leave streams" until_true 60 all_stream
open_gate "$path"
wait "$crowd_pid"
is "who stayed has it" "$(whole_bodies left.bin)" 50
is "and it was asked for once" "$(upstream_count "$path")" 1

# ---- everybody leaves ----

asset alone.bin $size
export RELEASE_CACHE_TTL_SECS=0
stop "$storefront_pid"
start_storefront --workers 2
path=$(path_of alone.bin)
script "{\"path\":\"$path\",\"gate\":{\"at\":$half}}"
curl -s -u ada@example.com:correct-horse -o "$work/alone" "$storefront$downloads/alone.bin" &
alone=$!
started+=("$alone")
check "one client alone" until_true 30 waits_at_gate "$path"
stop $alone KILL
open_gate "$path"
holds_no_lease() { [[ $(metric dunite_limiter_leases) == 0 ]]; }
check "gives its slot back when it leaves" until_true 20 holds_no_lease
ask "$downloads/alone.bin" -u ada@example.com:correct-horse
is "and the next one is served" "$(sum "$work/body")" "$(sum "$releases/acme/tool/v1.0.0/alone.bin")"

# ---- a slow reader holds up nobody ----

mkfifo "$work/slow"
exec 9<>"$work/slow"
curl -sN -u ada@example.com:correct-horse "$storefront$downloads/slow.bin" >"$work/slow" & # nobody reads the pipe
slow=$!
started+=("$slow")
ask "$downloads/slow.bin" -u ada@example.com:correct-horse
is "beside one who reads nothing another gets all" "$(sum "$work/body")" "$(sum "$releases/acme/tool/v1.0.0/slow.bin")"
check "while that one is still there" kill -0 $slow
stop $slow KILL
is "and it was asked for once" "$(upstream_count "$(path_of slow.bin)")" 1
