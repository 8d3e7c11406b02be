#!/bin/bash
# A member downloads release assets and package files: headers, ranges, conditions, both denials, restarts.

source "$(dirname "$0")/lib.bash"

asset tool.tar.gz 3000000
asset 'odd name ü.bin' 1000
mkdir -p "$packages/acme/kit/1.0"
head -c 500000 /dev/urandom >"$packages/acme/kit/1.0/kit.zip"
start_double

export DOWNLOAD_CONCURRENCY_PER_USER=1 DOWNLOAD_DAILY_LIMIT_PER_USER=6
start_storefront
ada=(-u ada@example.com:correct-horse)

# ---- who asks ----

check "a member is added by the command line" member ada correct-horse
check "a second one" member bob battery-staple
ask "$downloads/tool.tar.gz"
is "nobody gets nothing" "$status" 401
has "with a challenge" "$(header www-authenticate)" 'Basic realm='
ask "$downloads/tool.tar.gz" -u ada@example.com:wrong
is "a wrong password is 401" "$status" 401
ask /v1/applications/vault/downloads/tool.tar.gz "${ada[@]}"
hidden=$(sed 's/"request_id":"[^"]*"//' <<<"$status $body")
ask /v1/applications/nothing/downloads/tool.tar.gz "${ada[@]}"
is "a hidden application looks like one that is not there" "$hidden" \
    "$(sed 's/"request_id":"[^"]*"//' <<<"$status $body")"
is "which is 404" "$status" 404
is "and nothing of it was asked upstream" "$(upstream_count "$(path_of tool.tar.gz)")" 0

# ---- one asset ----

ask "$downloads/tool.tar.gz" "${ada[@]}" -I
is "HEAD is 200" "$status" 200
is "HEAD tells the length" "$(header content-length)" 3000000
is "HEAD fetches nothing" "$(upstream_count "$(path_of tool.tar.gz)")" 0

ask "$downloads/tool.tar.gz" "${ada[@]}" # 1 of the day
is "the asset comes" "$status" 200
is "as it is upstream" "$(sum "$work/body")" "$(sum "$releases/acme/tool/v1.0.0/tool.tar.gz")"
is "with its type" "$(header content-type)" application/gzip
is "and its length" "$(header content-length)" 3000000
is "to be saved under its name" "$(header content-disposition)" 'attachment; filename="tool.tar.gz"'
has "it was not there before" "$(header cache-status)" 'fwd=miss'
etag=$(header etag)
has "it has a strong ETag" "$etag" '^"[^"]+"$'

ask "$downloads/tool.tar.gz" "${ada[@]}" -H "If-None-Match: $etag"
is "an ETag that matches is 304" "$status" 304
is "without a body" "$(wc -c <"$work/body")" 0

ask "$downloads/tool.tar.gz" "${ada[@]}" -H 'Range: bytes=1000-1999' # 2
is "a range is 206" "$status" 206
is "of what was asked" "$(header content-range)" 'bytes 1000-1999/3000000'
is "with those bytes" "$(sum "$work/body")" \
    "$(tail -c +1001 "$releases/acme/tool/v1.0.0/tool.tar.gz" | head -c 1000 | sha256sum | cut -d' ' -f1)"
is "the ETag has stayed" "$(header etag)" "$etag"
ask "$downloads/tool.tar.gz" "${ada[@]}" -H 'Range: bytes=3000000-'
is "a range behind the end is 416" "$status" 416
is "which tells the size" "$(header content-range)" 'bytes */3000000'
is "one request upstream in all" "$(upstream_count "$(path_of tool.tar.gz)")" 1

head -c 1500000 "$releases/acme/tool/v1.0.0/tool.tar.gz" >"$work/resumed"
curl -s "${ada[@]}" -C - -o "$work/resumed" "$storefront$downloads/tool.tar.gz"
is "curl resumes a download" "$(sum "$work/resumed")" "$(sum "$releases/acme/tool/v1.0.0/tool.tar.gz")"

ask "$downloads/odd%20name%20%C3%BC.bin" -u bob@example.com:battery-staple
is "a name with a space and an umlaut" "$(sum "$work/body")" "$(sum "$releases/acme/tool/v1.0.0/odd name ü.bin")"
has "is told exactly" "$(header content-disposition)" "filename\*=UTF-8''odd%20name%20%C3%BC.bin"
ask "$downloads/no-such" -u bob@example.com:battery-staple
is "an asset that is not there is 404" "$status" 404
ask /v1/applications/kit/downloads/kit.zip -u bob@example.com:battery-staple
is "a package's file" "$(sum "$work/body")" "$(sum "$packages/acme/kit/1.0/kit.zip")"

# ---- lists ----

ask "$downloads" "${ada[@]}"
is "the list is 200" "$status" 200
has "and names the asset" "$body" '"name":"tool.tar.gz"'
has "its size" "$body" '"size":3000000'
has "and where it is" "$body" "\"url\":\"$storefront$downloads/tool.tar.gz\""
ask /v1/downloads "${ada[@]}"
has "the groups have what the member may see" "$body" '"slug":"kit"'
lacks "and nothing else" "$body" vault

# ---- limits ----

asset slow.bin 2000000
curl -sf "$double/double/reset" -d '{}' >/dev/null
# the listing is older than the new asset: a fresh start knows it
stop "$storefront_pid"
is "an engine that is told to ends, ends with 0" $? 0
export RELEASE_CACHE_TTL_SECS=0
start_storefront
script "{\"path\":\"$(path_of slow.bin)\",\"gate\":{\"at\":1000000}}"
curl -s "${ada[@]}" -o "$work/slow" "$storefront$downloads/slow.bin" & # counted
slow=$!
check "a download stands at the upstream's gate" until_true 10 waits_at_gate "$(path_of slow.bin)"
ask "$downloads/tool.tar.gz" "${ada[@]}"
is "a second one at once is denied" "$status" 429
has "by its code" "$body" '"code":"download_concurrency_limit"'
ask "$downloads/tool.tar.gz" -u bob@example.com:battery-staple
is "another member is not" "$status" 200
open_gate "$(path_of slow.bin)"
wait "$slow"
is "the first one ends well" "$(sum "$work/slow")" "$(sum "$releases/acme/tool/v1.0.0/slow.bin")"

granted=0
for _ in 1 2 3 4 5 6 7 8; do
    ask "$downloads/tool.tar.gz" "${ada[@]}"
    [[ $status == 200 ]] || break
    granted=$((granted + 1))
done
is "the day's cap denies" "$status" 429
has "by its code" "$body" '"code":"download_daily_limit"'
left=$((86400 - $(date +%s) % 86400))
retry=$(header retry-after)
check "Retry-After says when the day ends" test "$((retry - left))" -le 2 -a "$((left - retry))" -le 2
check "some were granted before" test "$granted" -ge 1
ask "$downloads/tool.tar.gz" -u bob@example.com:battery-staple
is "another member's day is another" "$status" 200

is "denials are counted by their variant" \
    "$(metric 'dunite_limit_denials_total{limit="downloads",variant="Concurrency"}')" 1
is "each" "$(metric 'dunite_limit_denials_total{limit="downloads",variant="DailyCap"}')" 1

stop "$storefront_pid"
start_storefront
ask "$downloads/tool.tar.gz" "${ada[@]}"
is "a restart forgets nothing" "$status" 429
stop "$storefront_pid" KILL
start_storefront
ask "$downloads/tool.tar.gz" "${ada[@]}"
is "nor does a kill -9" "$status" 429
ask "$downloads/tool.tar.gz" -u bob@example.com:battery-staple
is "and what was cached is still there" "$(sum "$work/body")" "$(sum "$releases/acme/tool/v1.0.0/tool.tar.gz")"
has "as a hit" "$(header cache-status)" 'hit'
