#!/bin/bash
# The README's own-Forgejo path, word for word, and then through nginx and Caddy with TLS as docs/proxy.md has them: 300
# imported members, two client addresses. Realm, listed URLs, audit and rate limits show the public name and the true
# client.

source "$(dirname "$0")/lib.bash"
source "$examples/demo/image.bash"

root=$(cd "$here/../.." && pwd)
password=correct-horse

asset 'tool one.tar.gz' 3000000
make_image "$layouts/acme/tool" 1000 v1.0.0 >"$work/image.log" 2>&1
start_double

# ---- the README, word for word ----

site=$work/site
mkdir -p "$site/build"
ln -s "$DUNITE" "$site/build/dunite"
cp -r "$examples" "$site/examples"
cd "$site" || exit 1

# step N: the commands of that step of the README.
step() {
    awk -v wanted="$1" '
        /^## /              { on = $0 ~ /own Forgejo/ }
        on && /^[0-9]+\. /  { step = $1 + 0 }
        on && /^ *```/      { code = !code; next }
        on && code && step == wanted { sub(/^   /, ""); print }' "$root/README.md" |
        sed -e "s|https://git.example.com|$double|" -e "s|FORGEJO_API_TOKEN=…|FORGEJO_API_TOKEN=$double_token|" \
            -e "s|http://127.0.0.1:8080|${public-http://127.0.0.1:8080}|" -e "s|127.0.0.1:8080|${host-127.0.0.1:8080}|" \
            -e "s|ASSET|tool%20one.tar.gz|"
}
typed() { python3 "$here/typed.py" "$password" bash -euc "$1"; }

is "step 1 builds" "$(step 1)" './dev build'
eval "$(step 2)"
check "step 2 makes a catalog" test -s catalog.lua
eval "$(step 3)" >"$work/said" 2>&1
has "step 3 finds it fine" "$? $(<"$work/said")" '^0 fine'
is "step 4 serves" "$(step 4 | head -n 1)" 'build/dunite serve examples/storefront'
DUNITE_LISTEN=127.0.0.1:0 engine "$work/storefront.log" examples/storefront
storefront_pid=$pid host=$address public=http://$address
check "and adds a member" typed "$(step 4 | tail -n 1)"
rm -f tool*
check "step 5 downloads, logs in and pulls" env REGISTRY_AUTH_FILE="$work/auth.json" \
    python3 "$here/typed.py" "$password" bash -euc "$(step 5)"
is "the file is saved under its name" "$(sum "tool one.tar.gz")" "$(sum "$releases/acme/tool/v1.0.0/tool one.tar.gz")"
check "the image is there" test -s tool/index.json

# ---- the world ----

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$work/key.pem" -out "$work/ca.pem" 2>/dev/null
export CURL_CA_BUNDLE=$work/ca.pem SSL_CERT_FILE=$work/ca.pem
members=300
{
    echo id,email,password_hash,entitlements
    for i in $(seq $members); do
        echo "m$i,m$i@example.com,\$2b\$04\$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e,"
    done
} >people.csv
has "300 members are imported" "$(build/dunite member import people.csv --dir examples/storefront 2>&1)" "$members added"

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# serve_behind: the storefront, set up as the README says for the world.
serve_behind() {
    local settings
    settings=$(grep -o '`DUNITE_[A-Z_]*=[^`]*`' "$root/README.md" | tr -d '`' |
        sed "s|https://downloads.example.com|$public|")
    is "the README names both settings" "$(wc -l <<<"$settings")" 2
    # shellcheck disable=SC2046
    export $(tr '\n' ' ' <<<"$settings")
    stop "$storefront_pid"
    DUNITE_LISTEN=$behind engine "$work/storefront.log" examples/storefront
    storefront_pid=$pid
}

# block FENCE: of docs/proxy.md, for here.
block() {
    awk -v fence="\`\`\`$1" '$0 == fence { on = 1; next } /^```/ { on = 0 } on' "$root/docs/proxy.md"
}

start_nginx() {
    {
        echo "daemon off; pid $work/nginx.pid; error_log $work/nginx.log; events {}"
        echo "http { access_log off; client_body_temp_path $work/t1; proxy_temp_path $work/t2;"
        echo "fastcgi_temp_path $work/t3; uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;"
        block nginx | sed -e "s|127.0.0.1:8080|$behind|" -e "s|listen 443|listen 127.0.0.1:$port|" \
            -e "s|/etc/ssl/downloads.pem|$work/ca.pem|" -e "s|/etc/ssl/private/downloads.key|$work/key.pem|" \
            -e 's|downloads.example.com|localhost|'
        echo "}"
    } >"$work/nginx.conf"
    start "$work/nginx.out" nginx -c "$work/nginx.conf"
    proxy_pid=$pid
}

start_caddy() {
    {
        printf '{\n\tadmin off\n\tauto_https off\n\tstorage file_system %s/caddy\n\tdefault_bind 127.0.0.1\n}\n' "$work"
        block caddy | sed -e "s|127.0.0.1:8080|${behind/unix:/unix/\/}|" \
            -e "s|^downloads.example.com {|https://localhost:$port {\n\ttls $work/ca.pem $work/key.pem|"
    } >"$work/Caddyfile"
    XDG_CONFIG_HOME=$work/caddy start "$work/caddy.out" caddy run --adapter caddyfile --config "$work/Caddyfile"
    proxy_pid=$pid
}

# from ADDRESS MEMBER PATH [curl options]: as a client at that address; $status, $body, $headers.
from() {
    storefront=$public ask "$3" --interface "$1" -u "$2@example.com:correct horse" "${@:4}"
}
answers() { [[ $(curl -s -o /dev/null -w '%{http_code}' "$public/healthz") == 200 ]]; }
audit() { build/dunite audit --dir examples/storefront --json "$@"; }

# behind_proxy NAME START: everything that is to hold behind that proxy.
behind_proxy() {
    local proxy=$1 url
    port=$(free_port)
    public=https://localhost:$port host=localhost:$port
    serve_behind
    "$2"
    check "$proxy takes the configuration and serves TLS" until_true 15 answers

    from 127.0.0.2 m1 "$downloads"
    url=$(grep -o '"url":"[^"]*tool%20one[^"]*"' <<<"$body" | cut -d'"' -f4)
    is "$proxy: listed URLs are public" "$url" "$public$downloads/tool%20one.tar.gz"
    from 127.0.0.2 m1 "${url#"$public"}"
    is "$proxy: and lead to the file" "$status $(sum "$work/body")" \
        "200 $(sum "$releases/acme/tool/v1.0.0/tool one.tar.gz")"
    from 127.0.0.3 m2 "${url#"$public"}" -r 0-9
    is "$proxy: a range is a range" "$status $(header content-range)" '206 bytes 0-9/3000000'
    from 127.0.0.3 m2 "${url#"$public"}" -I --compressed
    is "$proxy: the validator stays strong" "$(header etag | cut -c 1)" '"'
    lacks "$proxy: nothing is packed on the way" "$headers" 'content-encoding'
    storefront=$public ask /v2/ -H 'X-Forwarded-For: 203.0.113.9'
    has "$proxy: the realm is public" "$(header www-authenticate)" "realm=\"$public/auth/token\",service=\"$host\""

    saw() { audit --member m1 | tail -n 1 | grep -q '"event":"completed".*"address":"127.0.0.2"'; }
    check "$proxy: the audit has the true client" until_true 10 saw
    saw() { audit --member m2 | grep '"event":"completed"' | tail -n 1 | grep -q '"address":"127.0.0.3"'; }
    check "$proxy: each" until_true 10 saw

    for _ in 1 2 3 4 5; do
        storefront=$public ask "$downloads" --interface 127.0.0.2 -u m3@example.com:wrong -H 'X-Forwarded-For: 198.51.100.7'
    done
    is "$proxy: five wrong passwords are 401" "$status" 401
    from 127.0.0.2 m3 "$downloads"
    is "$proxy: then the address is refused" "$status" 429
    from 127.0.0.3 m3 "$downloads"
    is "$proxy: and no other" "$status" 200

    check "$proxy: the README's member works through it" env REGISTRY_AUTH_FILE="$work/auth-$proxy.json" \
        python3 "$here/typed.py" "$password" bash -euc "rm -rf tool*; $(step 5 | sed 's/--\(src-\)\?tls-verify=false//')"
    is "$proxy: with all of the file" "$(sum "tool one.tar.gz")" "$(sum "$releases/acme/tool/v1.0.0/tool one.tar.gz")"

    script "{\"path\":\"$(path_of "$proxy.bin" | sed 's/ /%20/g')\",\"gate\":{\"at\":1000000}}"
    asset "$proxy.bin" 2000000
    curl -s -o "$work/slow-$proxy" --interface 127.0.0.2 -u "m4@example.com:correct horse" "$public$downloads/$proxy.bin" &
    client=$!
    check "$proxy: a body comes through while it comes in" until_true 10 has_bytes
    kill -KILL "$client"
    wait "$client" 2>/dev/null
    saw() { audit --member m4 | grep -q "\"event\":\"aborted\".*\"asset\":\"$proxy.bin\""; }
    check "$proxy: a client that goes is noticed" until_true 10 saw
    open_gate "$(path_of "$proxy.bin")"
    stop "$proxy_pid" QUIT
}
reachable() { [[ $(stat -c %a "${behind#unix:}") == 666 ]]; }
has_bytes() { [[ $(stat -c %s "$work/slow-$proxy") -gt 500000 ]]; }

export RELEASE_CACHE_TTL_SECS=0
behind=127.0.0.1:$(free_port)
if command -v nginx >/dev/null; then behind_proxy nginx start_nginx; else echo "# nginx is not here"; fi
behind=unix:$work/dunite.sock
if command -v caddy >/dev/null; then behind_proxy caddy start_caddy; else echo "# caddy is not here"; fi
check "another user may reach the socket, where the folder lets them" reachable
