#!/bin/bash
# counts.db is taken away, replaced, held and spoilt under the running engine: no cap is exceeded, nothing hangs, and
# what cannot be counted is a 500 of ours.

source "$(dirname "$0")/lib.bash"

asset tool.bin 100000
start_double
export DOWNLOAD_DAILY_LIMIT_PER_USER=4
start_storefront
member ada correct-horse
member bob battery-staple
ada=(-u ada@example.com:correct-horse) bob=(-u bob@example.com:battery-staple)

ask "$downloads/tool.bin" "${ada[@]}" # 1 of the day
is "a download is counted" "$status" 200
rm "$data"/counts.db*
ask "$downloads/tool.bin" "${ada[@]}" # 2
is "counts.db is removed: the next is served" "$status" 200
check "the log says that it was written again" until_true 10 has_logged 'counts.db was removed while it was in use' 1
stop "$storefront_pid" KILL
start_storefront
ask "$downloads/tool.bin" "${ada[@]}" # 3
is "and after a kill -9 the third" "$status" 200

mv "$data/counts.db" "$work/counts.away"
echo "somebody else's" >"$data/counts.db"
ask "$downloads/tool.bin" "${ada[@]}"
is "counts.db is replaced: 500" "$status" 500
has "by its code" "$body" '"code":"store"'
check "Store in the log, with what to do" until_true 10 has_logged 'counts.db was replaced while it was in use: restart' 1
has "unready says why" "$(curl -s "$storefront/readyz")" degraded
is "not written to" "$(cat "$data/counts.db")" "somebody else's"
rm "$data/counts.db"
ask "$downloads/tool.bin" "${ada[@]}" # 4
is "taken away again: goes on" "$status" 200
ask "$downloads/tool.bin" "${ada[@]}"
is "to the cap, not over it" "$status" 429

hold() { # FILE: until its input ends
    python3 -c 'import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()' "$1"
}
coproc holder { hold "$data/counts.db"; }
read -r held <&"${holder[0]}"
is "somebody else holds counts.db" "$held" held
ask "$downloads/tool.bin" "${bob[@]}"
is "a grant that needs it is 500, soon" "$status" 500
has "Store" "$body" '"code":"store"'
ask "$downloads/tool.bin" "${ada[@]}"
is "a denial needs it not" "$status" 429
exec {holder[1]}>&-
wait "$holder_PID"
ask "$downloads/tool.bin" "${bob[@]}"
is "let go: served" "$status" 200
for _ in 1 2 3; do ask "$downloads/tool.bin" "${bob[@]}"; done
is "what failed was not charged: four in all, and no slot is lost" "$status" 200
ask "$downloads/tool.bin" "${bob[@]}"
is "and no fifth" "$status" 429

stop "$storefront_pid" KILL
head -c 65536 /dev/urandom | dd of="$data/counts.db" conv=notrunc status=none
rm -f "$data"/counts.db-*
start "$work/spoilt.log" "$DUNITE" serve "$examples/storefront"
check "a spoilt counts.db does not start" until_true 20 is_gone "$pid"
has "and is named" "$(cat "$work/spoilt.log")" 'counts.db: (file is not a database|database disk image is malformed)'
