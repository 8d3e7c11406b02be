#!/bin/bash
# The Debian vertical of examples/debian with apt itself: update, download, and again with upstream off.

source "$(dirname "$0")/lib.bash"
command -v apt-get >/dev/null || skip_all "there is no apt here"

# ---- a repository with one package ----

repository=$work/repository
index=main/binary-all/Packages
mkdir -p "$work/package/DEBIAN" "$work/package/usr/share/greeting" "$repository/pool/main/g/greeting" \
    "$repository/dists/stable/main/binary-all"
head -c 300000 /dev/urandom >"$work/package/usr/share/greeting/noise"
cat >"$work/package/DEBIAN/control" <<'CONTROL'
Package: greeting
Version: 1.0+b1
Architecture: all
Maintainer: acme <acme@example.com>
Description: says hello
CONTROL
deb=pool/main/g/greeting/greeting_1.0+b1_all.deb
dpkg-deb --root-owner-group --build "$work/package" "$repository/$deb" >/dev/null
{
    cat "$work/package/DEBIAN/control"
    printf 'Filename: %s\nSize: %d\nSHA256: %s\n' "$deb" "$(stat -c %s "$repository/$deb")" "$(sum "$repository/$deb")"
} >"$repository/dists/stable/$index"
release() {
    local file=$repository/dists/stable/$index
    printf 'Suite: stable\nCodename: stable\nArchitectures: all\nComponents: main\nDate: %s\nSHA256:\n %s %d %s\n' \
        "$(LC_ALL=C date -Ru)" "$(sum "$file")" "$(stat -c %s "$file")" "$index"
}
release >"$repository/dists/stable/InRelease"
cp "$repository/dists/stable/InRelease" "$repository/dists/stable/Release"

cat >"$work/upstream.py" <<'PY'
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print("port", server.server_port, flush=True)
server.serve_forever()
PY
start "$work/upstream.log" python3 "$work/upstream.py" "$repository"
upstream_pid=$pid
until_true 20 grep -q '^port' "$work/upstream.log" || { not_ok "an upstream starts"; exit 1; }
export DEBIAN_UPSTREAM_URL=http://127.0.0.1:$(sed -n 's/^port //p' "$work/upstream.log")
asked() { grep -c "GET /$1 " "$work/upstream.log"; }

# ---- the gateway, and apt before it ----

export DUNITE_DATA_DIR=$work/data
DUNITE_LISTEN=127.0.0.1:0 engine "$work/gateway.log" "$examples/debian"
"$DUNITE" member add ada --email ada@example.com --password-stdin --dir "$examples/debian" <<<correct-horse >/dev/null
apt() { # HOME COMMAND…: apt with folders of its own below HOME
    local home=$1
    shift
    mkdir -p "$home/lists/partial" "$home/archives/partial" "$home/etc"
    echo "deb [trusted=yes arch=all] http://$address/debian stable main" >"$home/etc/sources.list"
    echo "machine http://$address login ada password correct-horse" >"$home/etc/auth.conf"
    : >"$home/status"
    (cd "$home" && apt-get -q -o Dir::State="$home" -o Dir::State::lists="$home/lists" -o Dir::State::status="$home/status" \
        -o Dir::Cache="$home" -o Dir::Cache::archives="$home/archives" -o Dir::Etc="$home/etc" \
        -o Dir::Etc::sourceparts=- -o Dir::Etc::netrc="$home/etc/auth.conf" -o Dir::Etc::netrcparts=- \
        -o APT::Sandbox::User= -o Acquire::Retries=0 -o Acquire::http::Proxy=DIRECT -o APT::Architecture=all "$@" 2>&1)
}

for home in one two; do
    check "$home: apt reads the indexes" apt "$work/$home" update
    check "$home: apt downloads the package" apt "$work/$home" download greeting
    is "$home: as upstream has it" "$(sum "$work/$home/greeting_1.0+b1_all.deb")" "$(sum "$repository/$deb")"
done
is "upstream was asked once for the package" "$(asked "${deb/+/%2B}")" 1
is "and once for its index" "$(asked "dists/stable/$index")" 1
kill -TERM "$upstream_pid"
rm "$work/two/greeting_1.0+b1_all.deb"
check "with upstream off apt still downloads the package" apt "$work/two" download greeting
said=$(curl -s -o /dev/null -w '%{http_code}' -u ada@example.com:wrong "http://$address/debian/$deb")
is "nobody gets it without the password" "$said" 401
