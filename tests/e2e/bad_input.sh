#!/bin/bash
# What is wrong is told: wrong deployments with file and line, wrong requests with the right status, an upstream that
# lies with a 502 or a broken connection. The process goes on, nothing is lost.

source "$(dirname "$0")/lib.bash"
source "$examples/demo/image.bash"

# ---- deployments ----

folder=$work/deployment
mkdir "$folder"

# deployment SETTINGS ROUTES: what it says of itself is in $said, its exit code in $code.
deployment() {
    printf 'local dunite = require "dunite"\nreturn dunite.deployment {\n  %s\n  routes = "routes",\n}\n' "$1" \
        >"$folder/dunite.lua"
    printf '%s\n' "$2" >"$folder/routes.lua"
    said=$("$DUNITE" check "$folder" 2>&1)
    code=$?
}

empty='return function() end'
deployment 'workrs = 2,' "$empty"
is "a wrong key is found" $code 1
has "by its file and name, with the nearest that there is" "$said" "dunite.lua.*workrs.*did you mean 'workers'"
said=$("$DUNITE" serve "$folder" --listen 127.0.0.1:0 2>&1)
is "and is not served" "$? $(grep -c "did you mean 'workers'" <<<"$said")" "1 1"
deployment 'workers = "many", drain = "soon",' "$empty"
has "all findings at once: one" "$said" 'workers: found "many", allowed is a whole number'
has "and another" "$said" 'drain: found "soon", allowed is seconds'
deployment '' 'local dunite = require "dunite"
local refuse = dunite.matcher(dunite.LimitDenial) {
  Concurency = function() end,
  DailyCap = function() end,
}
return function() return refuse end'
is "a matcher with an unknown variant does not load" $code 1
has "by file, line and variant" "$said" "routes.lua:2:.*Concurency.*did you mean 'Concurrency'"
deployment '' 'local dunite = require "dunite"
local refuse = dunite.matcher(dunite.LimitDenial) { Concurrency = function() end }
return function() return refuse end'
has "nor one that forgets a variant" "$code $said" "^1 .*routes.lua:2:.*DailyCap"
deployment '' 'return function(app) return app.limits.downlods end'
has "a limit that is not declared is told" "$code $said" "^1 .*routes.lua:1:.*downlods"
deployment '' 'return function( this is not Lua'
has "a file that is no Lua is told with its line" "$code $said" "^1 .*routes.lua:1:"
deployment 'listen = { "0.0.0.0:0" },' "$empty"
has "listening to all without an external_url is told" "$code $said" '^1 .*external_url'

write_catalog
echo 'return { { slug = "tool", }, { slug = }' >"$work/broken.lua"
said=$(FORGEJO_BASE_URL=http://127.0.0.1:1 FORGEJO_API_TOKEN=x STOREFRONT_CATALOG=$work/broken.lua \
    "$DUNITE" check "$examples/storefront" 2>&1)
has "a catalog that does not parse is told with its line" "$? $said" '^1 .*broken.lua:1: .*expected'
echo 'return { { slug = "tool", sorce = {} }, { slug = "tool" }, { slug = "A b" } }' >"$work/broken.lua"
said=$(FORGEJO_BASE_URL=http://127.0.0.1:1 FORGEJO_API_TOKEN=x STOREFRONT_CATALOG=$work/broken.lua \
    "$DUNITE" check "$examples/storefront" 2>&1)
has "a wrong key in it" "$said" "broken.lua:1: application 1.sorce: .*did you mean 'source'"
has "an application twice" "$said" 'application 2.slug: tool is there already'
said=$(env -u FORGEJO_BASE_URL "$DUNITE" check "$examples/storefront" 2>&1)
has "a variable that is not set is told" "$? $(tr '\n' ' ' <<<"$said")" '^1 .*FORGEJO_BASE_URL'

# ---- what is taken ----

asset tool.bin 1000000
asset grows.bin 1000000
mkdir -p "$packages/acme/kit/1.0"
head -c 1000000 /dev/urandom >"$packages/acme/kit/1.0/kit.zip"
echo http://127.0.0.1:1/secret >"$releases/acme/tool/v1.0.0/elsewhere.bin.external"
make_image "$layouts/acme/tool" 1000000 v1.0.0
start_double
start_storefront
member ada correct-horse
ada=(-u ada@example.com:correct-horse)

serve_again() { # what a second engine says is in $said, as one line, its exit code in $code
    said=$(timeout 20 "$DUNITE" serve "$examples/storefront" 2>&1)
    code=$?
    said=${said//$'\n'/ } # the log may have come first
}
DUNITE_DATA_DIR=$work/second DUNITE_LISTEN=$storefront_address serve_again
has "a port in use is told" "$code $said" "^1 .*$storefront_address.*in use"
DUNITE_LISTEN=127.0.0.1:0 serve_again
has "a data folder in use is told" "$code $said" "^1 .*$data.*(in use|another)"
echo file >"$work/file"
DUNITE_DATA_DIR=$work/file/data DUNITE_LISTEN=127.0.0.1:0 serve_again
has "a data folder that cannot be is told" "$code $said" "^1 .*$work/file/data"
if ((EUID != 0)); then
    mkdir -m 500 "$work/sealed"
    DUNITE_DATA_DIR=$work/sealed DUNITE_LISTEN=127.0.0.1:0 serve_again
    has "one that may not be written, too" "$code $said" "^1 .*$work/sealed"
fi
DUNITE_LISTEN=no-address serve_again
has "a listener that is none is told" "$code $said" '^1 .*listen.*no-address'
ask "$downloads/tool.bin" "${ada[@]}"
is "the one that runs goes on" "$status" 200

stop "$storefront_pid"
mv "$data/cache" "$work/unmounted"
mkdir "$data/cache" # where it would be mounted
DUNITE_LISTEN=127.0.0.1:0 serve_again
has "a cache that is not mounted is told, with what accepts it" "$code $said" '^1 .*accept-empty-cache'
check "and nothing was put there" rmdir "$data/cache"
mv "$work/unmounted" "$data/cache"
start_storefront

# ---- requests ----

# refuses NAME STATUS BYTES [COUNT [BYTES]]: the status line that comes; then all is well with others.
refuses() {
    local got
    got=$(python3 "$here/raw.py" "$storefront_address" "${@:3}" | head -n 1 | tr -d '\r')
    [[ $got == "HTTP/1.1 $2 "* ]] && ok "$1 is $2" || not_ok "$1 is $2" "it is '$got'"
    curl -sf -o /dev/null "$storefront/healthz" || not_ok "after $1 others are served"
}
host="Host: here\\r\\n"

refuses "a line that is none" 400 'nonsense\r\n\r\n'
refuses "HTTP/0.9" 505 'GET /healthz\r\n\r\n'
refuses "two spaces in the request line" 400 "GET  /healthz HTTP/1.1\\r\\n$host\\r\\n"
refuses "a bare LF" 400 'GET /healthz HTTP/1.1\nHost: here\n\n'
refuses "a NUL in a header" 400 "GET /healthz HTTP/1.1\\r\\n${host}X: a\\x00b\\r\\n\\r\\n"
refuses "no Host" 400 'GET /healthz HTTP/1.1\r\n\r\n'
refuses "two Hosts" 400 "GET /healthz HTTP/1.1\\r\\n$host$host\\r\\n"
refuses "an over-long header" 431 "GET /healthz HTTP/1.1\\r\\n${host}X: " 100000 '\r\n\r\n'
refuses "many headers" 431 "GET /healthz HTTP/1.1\\r\\n$host$(printf 'A%d: b\\r\\n' {1..6000})\\r\\n"
refuses "an over-long target" 414 'GET /' 100000 " HTTP/1.1\\r\\n$host\\r\\n"
refuses "both length headers" 400 \
    "POST /auth/token HTTP/1.1\\r\\n${host}Content-Length: 4\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n"
refuses "two lengths" 400 \
    "POST /auth/token HTTP/1.1\\r\\n${host}Content-Length: 4\\r\\nContent-Length: 5\\r\\n\\r\\nabcde"
refuses "a length that is no number" 400 "POST /auth/token HTTP/1.1\\r\\n${host}Content-Length: +4\\r\\n\\r\\nabcd"
refuses "a bad chunk size" 400 "POST /auth/token HTTP/1.1\\r\\n${host}Transfer-Encoding: chunked\\r\\n\\r\\nzz\\r\\n"
refuses "a chunk size without end" 400 \
    "POST /auth/token HTTP/1.1\\r\\n${host}Transfer-Encoding: chunked\\r\\n\\r\\nfffffffffffffffffff\\r\\n"
refuses "another coding than chunked" 400 \
    "POST /auth/token HTTP/1.1\\r\\n${host}Transfer-Encoding: chunked, gzip\\r\\n\\r\\n0\\r\\n\\r\\n"
refuses "an empty header name" 400 "GET /healthz HTTP/1.1\\r\\n$host: x\\r\\n\\r\\n"
refuses "a space before the colon" 400 "GET /healthz HTTP/1.1\\r\\n${host}X : y\\r\\n\\r\\n"
refuses "a folded header" 400 "GET /healthz HTTP/1.1\\r\\n${host}X: a\\r\\n b\\r\\n\\r\\n"
refuses "a body that is too large" 413 \
    "POST /auth/token HTTP/1.1\\r\\n${host}Content-Length: 2000000\\r\\n\\r\\n" 2000000
refuses "a method that nobody knows" 405 "PATCH /healthz HTTP/1.1\\r\\n$host\\r\\n"

hello='\x16\x03\x01\x00\xf0\x01\x00\x00\xec\x03\x03'
is "a TLS hello is dropped without a word" \
    "$(python3 "$here/raw.py" "$storefront_address" "$hello" 200 | wc -c)" 0
python3 "$here/raw.py" "$storefront_address" "GET /healthz HTTP/1.1\\r\\nHost: " >/dev/null
ask /healthz
is "who leaves in the middle of a header harms nobody" "$status" 200

for path in /v1/../secret /v1/%2e%2e/secret "$downloads/a%2fb" "$downloads/a%00b" "$downloads/%zz" /v2/tool/blobs/..; do
    ask "$path" "${ada[@]}" --path-as-is
    is "the path $path is refused" "$status" 400
done
ask "$downloads/..%5c..%5cetc" "${ada[@]}" --path-as-is
is "backslashes lead nowhere" "$status" 404
ask /v2/tool/blobs/sha256:short "${ada[@]}"
is "a registry's question without a token is 401 whatever it asks" "$status" 401
token=$(curl -s "${ada[@]}" "$storefront/auth/token?service=storefront&scope=repository:tool:pull" |
    sed 's/.*"token":"\([^"]*\)".*/\1/')
bearer=(-H "Authorization: Bearer $token")
ask /v2/tool/blobs/sha256:short "${bearer[@]}"
is "a digest that is none is 400" "$status" 400
has "DIGEST_INVALID" "$body" DIGEST_INVALID
ask /v2/ -H "Authorization: Bearer ${token}x"
is "a token that is not ours is 401" "$status" 401
ask "$downloads" -H 'Authorization: Basic !!!'
is "credentials that are none are 401" "$status" 401
for _ in 1 2 3 4 5 6; do ask "$downloads" -u ada@example.com:guess; done
is "guessing is slowed down" "$status" 429
check "for a while" test "$(header retry-after)" -ge 1
check "what was refused is counted" test "$(metric 'dunite_refused_total{')" -gt 15

# ---- an upstream that lies ----

stop "$storefront_pid" # the failures above are forgotten, too
start_storefront
ask "$downloads" "${ada[@]}"
is "a listing is known" "$status" 200
head -c 500 /dev/urandom >>"$releases/acme/tool/v1.0.0/grows.bin"
curl -s "${ada[@]}" -o "$work/got" -w '%{http_code}' "$storefront$downloads/grows.bin" >"$work/said"
got="$? $(cat "$work/said")"
check "a size that is not the listed one is 502, or breaks ($got)" test "$got" = "0 502" -o "${got:0:2}" != "0 "
is "as Integrity" "$(logged 'grows.bin .*problem=Integrity' 1)" 1
ask "$downloads/elsewhere.bin" "${ada[@]}"
is "an asset at a private address is 502" "$status" 502
is "as InvalidUrl" "$(logged 'elsewhere.bin .*problem=InvalidUrl' 1)" 1

kit=$packages/acme/kit/1.0/kit.zip
ask /v1/applications/kit/downloads "${ada[@]}"
cp "$kit" "$work/kit.zip"
printf 'lie' | dd of="$kit" bs=1 seek=500000 conv=notrunc status=none
curl -s "${ada[@]}" -o "$work/got" "$storefront/v1/applications/kit/downloads/kit.zip"
is "a body with another digest breaks" $? 18
check "before its last bytes" test "$(wc -c <"$work/got")" -lt 1000000
is "as Integrity" "$(logged 'kit.zip .*problem=Integrity' 1)" 1
cp "$work/kit.zip" "$kit"
ask /v1/applications/kit/downloads/kit.zip "${ada[@]}"
is "and nothing of it was kept" "$(sum "$work/body")" "$(sum "$work/kit.zip")"

ask /v2/tool/manifests/v1.0.0 "${bearer[@]}"
is "an image's index is read" "$status" 200
manifest=$(grep -o 'sha256:[0-9a-f]*' "$work/body" | head -n 1)
file=$layouts/acme/tool/blobs/sha256/${manifest#sha256:}
cp "$file" "$work/manifest"
sed -i 's/schemaVersion":2/schemaVersion": 2/' "$file"
ask "/v2/tool/manifests/$manifest" "${bearer[@]}"
is "a manifest with another digest is 502" "$status" 502
has "UNAVAILABLE" "$body" '"code":"UNAVAILABLE"'
cp "$work/manifest" "$file"
ask "/v2/tool/manifests/$manifest" "${bearer[@]}"
is "the right one is given" "$status $(sum "$work/body")" "200 ${manifest#sha256:}"
layer=$(grep -o '"layers":.*' "$work/body" | grep -o 'sha256:[0-9a-f]*' | head -n 1)
file=$layouts/acme/tool/blobs/sha256/${layer#sha256:}
cp "$file" "$work/layer"
printf 'lie' | dd of="$file" bs=1 seek=1000 conv=notrunc status=none
curl -s "${bearer[@]}" -o "$work/got" "$storefront/v2/tool/blobs/$layer"
is "a layer with another digest breaks" $? 18
cp "$work/layer" "$file"
ask "/v2/tool/blobs/$layer" "${bearer[@]}"
is "the right one is given then" "$status $(sum "$work/body")" "200 ${layer#sha256:}"
is "every blob that was kept is what its name says" \
    "$(cd "$data/cache" && find . -type f -regex '.*[0-9a-f]+' -exec sha256sum {} + |
        awk '{ n = split($2, part, "/"); if (index($1, part[n]) == 0 && index(part[n], $1) == 0) print }' | wc -l)" 0

is "no lease is left" "$(metric dunite_limiter_leases)" 0
stop "$storefront_pid"
is "after all of that it ends with 0" $? 0
