#!/bin/bash
# Upstream is gone, refuses, or breaks in mid-body: the member sees a 502 that is upstream's fault, what is cached is
# still served, and nobody pays for what was not delivered.

source "$(dirname "$0")/lib.bash"

for name in warm.bin cold.bin mended.bin broken.bin; do asset $name 2000000; done
mkdir -p "$packages/acme/kit/1.0"
head -c 1000 /dev/urandom >"$packages/acme/kit/1.0/kit.zip"
start_double
export DOWNLOAD_DAILY_LIMIT_PER_USER=6
start_storefront
member ada correct-horse
ada=(-u ada@example.com:correct-horse)

ask "$downloads/warm.bin" "${ada[@]}" # 1 of the day
is "an asset is cached" "$status" 200

# ---- gone ----

stop "$double_pid"
for _ in 1 2 3 4 5 6 7; do ask "$downloads/cold.bin" "${ada[@]}"; done
is "a cold asset is 502 while nobody answers upstream" "$status" 502
has "by its code" "$body" '"code":"transport"'
is "each of them Transport in the log" "$(logged 'path=.*/cold.bin status=502 .*problem=Transport' 7)" 7
is "never Io" "$(logged problem=Io 0)" 0
ask "$downloads/warm.bin" "${ada[@]}" # 2
is "the cached one is still served, and nobody paid for the others" "$status" 200
is "as it was" "$(sum "$work/body")" "$(sum "$releases/acme/tool/v1.0.0/warm.bin")"
ask "$downloads" "${ada[@]}"
is "what is known of the release is still told" "$status" 200
ask /v1/applications/kit/downloads "${ada[@]}"
is "what is not known is 502" "$status" 502
ask /v1/downloads "${ada[@]}"
is "one that is broken does not break the page" "$status" 200
has "and says so" "$body" '"available":false'
ask /readyz
is "the storefront is ready all the same" "$status" 200

start_double # where it was
ask "$downloads/cold.bin" "${ada[@]}" # 3
is "when upstream is back the cold one comes" "$(sum "$work/body")" "$(sum "$releases/acme/tool/v1.0.0/cold.bin")"

# ---- breaks in mid-body ----

path=$(path_of mended.bin)
script "{\"path\":\"$path\",\"cut\":1000000,\"times\":1}"
ask "$downloads/mended.bin" "${ada[@]}" # 4
is "a body that breaks upstream is gone on with" "$(sum "$work/body")" "$(sum "$releases/acme/tool/v1.0.0/mended.bin")"
check "and the log says so" until_true 10 has_logged 'fetch of asset/tool/v1.0.0/mended.bin .* is resumed' 1

path=$(path_of broken.bin)
script "{\"path\":\"$path\",\"cut\":100000}"
curl -s "${ada[@]}" -o "$work/broken" "$storefront$downloads/broken.bin"
is "one that breaks again and again breaks for the member" $? 18
check "who never holds the whole of it" test "$(wc -c <"$work/broken")" -lt 2000000
is "Transport in the log" "$(logged 'path=.*/broken.bin .*problem=Transport' 1)" 1
curl -sf "$double/double/reset" -d '{}' >/dev/null
ask "$downloads/broken.bin" "${ada[@]}" # 5
is "nothing of it was kept" "$(sum "$work/body")" "$(sum "$releases/acme/tool/v1.0.0/broken.bin")"

# ---- answers what we cannot use ----

asset odd.bin 1000
export RELEASE_CACHE_TTL_SECS=0
stop "$storefront_pid"
start_storefront
for upstream in 500 401 403 429 503; do
    script "{\"path\":\"$(path_of odd.bin)\",\"status\":$upstream,\"retry_after\":7}"
    ask "$downloads/odd.bin" "${ada[@]}"
    is "upstream's $upstream is our 502" "$status" 502
    is "and is not passed on" "$(header www-authenticate)$(header retry-after)" ""
done
has "the log says what to check after a 401" "$(grep -Ev 'route=' "$work/storefront.log")" 'token|credential'
script "{\"path\":\"$(path_of odd.bin)\",\"status\":404}"
ask "$downloads/odd.bin" "${ada[@]}"
is "upstream's 404 is ours" "$status" 404
curl -sf "$double/double/reset" -d '{}' >/dev/null

stop "$storefront_pid"
FORGEJO_API_TOKEN_FILE=$work/wrong
echo wrong-token >"$FORGEJO_API_TOKEN_FILE"
export FORGEJO_API_TOKEN_FILE
start_storefront
ask "$downloads/warm.bin" "${ada[@]}"
lacks "a token that opens nothing shows nowhere" "$body $(cat "$work/storefront.log")" wrong-token
