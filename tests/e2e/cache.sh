#!/bin/bash
# The operator's view of the store: `dunite cache ls`, `verify`, `evict` and `rm`, on an engine that runs and on one that
# does not. What does not verify is served no more and is kept for a look.

source "$(dirname "$0")/lib.bash"

for name in one.bin two.bin three.bin; do asset $name 1000000; done
head -c 5 /dev/urandom >"$releases/acme/tool/v1.0.0/tiny.bin"
asset large.bin 24000000
start_double
export DOWNLOAD_DAILY_LIMIT_PER_USER=unlimited
start_storefront
member ada correct-horse
ada=(-u ada@example.com:correct-horse)

fetch() { ask "$downloads/$1" "${ada[@]}"; }
cached() { header cache-status | grep -q 'hit'; }
cache() { control cache "$@" >"$work/said" 2>"$work/complaint"; }
said() { cat "$work/said" "$work/complaint"; }
digest_of() { sum "$releases/acme/tool/v1.0.0/$1"; }
file_of() { echo "$data/cache/sha256/$(digest_of "$1" | cut -c 1-2)/$(digest_of "$1")"; }
flip() { printf 'X' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

# ---- an engine that runs ----

cache ls
is "an empty cache is listed" "$? $(tail -n 1 "$work/said")" '0 0 blobs, 0 B'
for name in one.bin two.bin three.bin tiny.bin; do fetch $name; done
cache ls
is "all are listed" "$? $(tail -n 1 "$work/said")" '0 4 blobs, 2.9 MiB'
has "with digest, size, last use and names" "$(said)" \
    "^sha256:$(digest_of one.bin) +976.6 KiB +20[0-9-]+T[0-9:]+Z  .*one.bin"
cache ls --json
check "and as JSON" python3 -c 'import json, sys
blobs = json.load(open(sys.argv[1]))
assert sorted(blob["size"] for blob in blobs) == [5, 1000000, 1000000, 1000000], blobs
assert all(blob["readers"] == 0 and len(blob["names"]) == 1 for blob in blobs), blobs' "$work/said"

cache verify
is "what is right verifies" "$? $(tail -n 1 "$work/said")" '0 4 verified, 2.9 MiB: 0 not right'
has "with its progress, plainly in a log" "$(cat "$work/complaint")" '^verified 4 of 4 blobs, 2.9 MiB of 2.9 MiB$'
flip "$(file_of one.bin)" 500000
rm "$(file_of two.bin)"
cache verify
is "what is not right fails it" "$? $(tail -n 1 "$work/said")" '1 4 verified, 2.9 MiB: 2 not right'
has "saying where it went" "$(said)" "^sha256:$(digest_of one.bin): .*its file is now $data/cache/quarantine/$(digest_of one.bin)\$"
has "and what is gone" "$(said)" "^sha256:$(digest_of two.bin): its file is not there"
check "the file is there" test -f "$data/cache/quarantine/$(digest_of one.bin)"
cache ls
is "neither is listed" "$(tail -n 1 "$work/said")" '2 blobs, 976.6 KiB'
fetch one.bin
is "it is fetched anew" "$status $(sum "$work/body")" "200 $(digest_of one.bin)"
check "not served from there" test "$(upstream_count "$(path_of one.bin)")" = 2
cache verify
is "then all is right again" $? 0
cache verify "$(digest_of one.bin | cut -c 1-12)" "sha256:$(digest_of tiny.bin)"
is "some can be chosen" "$? $(tail -n 1 "$work/said")" '0 2 verified, 976.6 KiB: 0 not right'
cache verify ffffffffffffffff
is "none that is not there" "$? $(cat "$work/complaint")" '1 dunite: no blob begins with ffffffffffffffff'

fetch two.bin
cache evict 2000005
is "evicting to a size" "$? $(cat "$work/said")" '0 evicted: 1 blob, 976.6 KiB; 3 left, 1.9 MiB'
is "removes the files" "$(find "$data/cache/sha256" -type f | wc -l)" 3
cache evict lots
is "a size that is none fails" $? 1
has "and says what one is" "$(said)" 'no size: bytes, or such as "50GiB"'
fetch two.bin
cache rm "$(digest_of two.bin | cut -c 1-16)"
is "one is removed by how its digest begins" "$? $(cut -d: -f 2 "$work/said")" '0  1 blob, 976.6 KiB; 2 left, 976.6 KiB'
check "with its file" test ! -e "$(file_of two.bin)"
cache rm "$(digest_of tiny.bin)" nonsense
is "with one that is none among them" $? 1
has "which is named" "$(said)" '"nonsense" is no digest'
cache ls
is "none goes" "$(tail -n 1 "$work/said")" '2 blobs, 976.6 KiB'

# ---- who reads ----

fetch large.bin
# slow NAME: reads the header, then nothing until a line comes through NAME.go; ends with 18 when the body is cut short.
cat >"$work/slow.py" <<'PY'
import base64, os, socket, sys
address, path, out = sys.argv[1:]
client = socket.socket()
client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
client.connect((address.split(":")[0], int(address.split(":")[1])))
sign = base64.b64encode(b"ada@example.com:correct-horse").decode()
client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic {sign}\r\n\r\n".encode())
answer = client.makefile("rb")
length = 0
for line in iter(answer.readline, b"\r\n"):
    if line.lower().startswith(b"content-length:"):
        length = int(line.split(b":")[1])
open(out + ".go").read()
try:
    body = answer.read(length)
except OSError:
    body = b""
open(out, "wb").write(body)
sys.exit(0 if len(body) == length else 18)
PY
slow() { python3 "$work/slow.py" "$storefront_address" "$downloads/large.bin" "$work/$1"; }
go() { echo >"$work/$1.go"; }
mkfifo "$work/read.go" "$work/wrong.go"
reads() { control cache ls --json | python3 -c 'import json, sys
sys.exit(not any(blob["readers"] == 1 for blob in json.load(sys.stdin)))'; }
slow read & reader=$!
started+=("$reader")
check "a slow client reads" until_true 20 reads
cache rm "$(digest_of large.bin)"
has "what is read leaves at once, its file later" "$(said)" '1 of them still read'
check "the file is still there" test -e "$(file_of large.bin)"
go read
wait "$reader"
is "the reader gets all of it" "$? $(sum "$work/read")" "0 $(digest_of large.bin)"
gone() { [[ ! -e $(file_of large.bin) ]]; }
check "then the file goes" until_true 20 gone

fetch large.bin
slow wrong & reader=$!
started+=("$reader")
check "a slow client reads again" until_true 20 reads
flip "$(file_of large.bin)" 23999999
cache verify "$(digest_of large.bin)"
is "what is read proves wrong" $? 1
go wrong
wait "$reader"
is "and its reader is cut off before the end" $? 18
fetch large.bin
is "the next one gets it right" "$status $(sum "$work/body")" "200 $(digest_of large.bin)"

# ---- an engine that does not run ----

stop "$storefront_pid"
cache ls
is "a stopped one lists the same" "$? $(tail -n 1 "$work/said")" '0 3 blobs, 23.8 MiB'
flip "$(file_of tiny.bin)" 1
cache verify
is "verifies" "$? $(tail -n 1 "$work/said")" '1 3 verified, 23.8 MiB: 1 not right'
cache rm "$(digest_of one.bin)"
is "removes" "$? $(cut -d: -f 2 "$work/said")" '0  1 blob, 976.6 KiB; 1 left, 22.9 MiB'
cache evict 1MiB
is "and evicts" "$? $(cat "$work/said")" '0 evicted: 1 blob, 22.9 MiB; 0 left, 0 B'
start_storefront
fetch tiny.bin
is "what did not verify is fetched anew" "$status $(sum "$work/body") $(header cache-status | grep -c hit)" \
    "200 $(digest_of tiny.bin) 0"

# ---- wrong calls ----

for call in '' nonsense 'ls x' evict rm; do
    # shellcheck disable=SC2086
    "$DUNITE" cache $call >"$work/said" 2>&1
    is "cache $call is a wrong call" "$? $(grep -c 'cache ls .* | evict SIZE' "$work/said")" '2 1'
done
has "help tells the rest" "$("$DUNITE" cache --help)" 'usage: dunite cache ls'
