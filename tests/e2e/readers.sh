#!/bin/bash
# Five thousand connections read one fill, a stopped and a slow one among them: one request upstream, and everybody has
# the whole.

source "$(dirname "$0")/lib.bash"

crowd=5000 size=200000 half=100000

# Both ends of each connection are a descriptor, in two processes.
ulimit -n 12000 2>/dev/null || skip_all "no 12,000 descriptors to be had here: ulimit -Hn says $(ulimit -Hn)"

asset big.bin $size
start_double
export DOWNLOAD_CONCURRENCY_PER_USER=10000 DOWNLOAD_DAILY_LIMIT_PER_USER=100000
start_storefront --workers 2
member ada correct-horse
ada=ada@example.com:correct-horse
ask "$downloads" -u $ada # so that the crowd's password is remembered
path=$(path_of big.bin)
whole=$(sum "$releases/acme/tool/v1.0.0/big.bin")
script "{\"path\":\"$path\",\"gate\":{\"at\":$half}}"

mkfifo "$work/go-on"
exec 9<>"$work/go-on" # opening it waits for nobody
start "$work/stopped.out" python3 "$here/stopped.py" "$storefront_address" "$downloads/big.bin" $ada "$work/go-on"
stopped_pid=$pid
start "$work/slow.out" curl -s --limit-rate 20k -u $ada -o "$work/slow" "$storefront$downloads/big.bin"
slow_pid=$pid
check "a slow one and one that stops have begun" until_true 30 waits_at_gate "$path"

start "$work/crowd.out" python3 "$here/crowd.py" "$storefront_address" "$downloads/big.bin" $crowd $ada
crowd_pid=$pid
all_stream() { grep -q "^streaming $crowd\$" "$work/crowd.out"; }
check "all $crowd have got bytes while the origin stands at its middle" until_true 90 all_stream
check "others are served meanwhile" curl -sf -m 10 -o /dev/null "$storefront/healthz"
open_gate "$path"
wait "$crowd_pid"
is "all end well" $? 0
is "each with the whole body" "$(grep -c "^200 $size $whole\$" "$work/crowd.out")" $crowd
echo "# $(grep first-byte "$work/crowd.out") s (least, median, most); $(awk '/VmHWM/ {print $2}' "/proc/$storefront_pid/status") KiB"
echo >&9
wait "$stopped_pid" "$slow_pid"
is "who stopped goes on, and has it whole" "$(cat "$work/stopped.out")" "$size $whole"
is "who was slow has it whole" "$(sum "$work/slow")" "$whole"
is "one request upstream" "$(upstream_count "$path")" 1
