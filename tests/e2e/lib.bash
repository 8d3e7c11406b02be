# What the end-to-end tests share: a folder that goes when they end, processes that are ended by their ids, checks that
# print "ok …" and "not ok …". Source it.
#
# A test is run with DUNITE, the program. Whatever it starts listens on 127.0.0.1 and a port that the kernel chose.

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
examples=$(cd "$here/../../examples" && pwd)
: "${DUNITE:?is the program to test}"
work=$(mktemp -d)
failures=0
source "$examples/demo/processes.bash"
export LC_ALL=C http_proxy='' https_proxy='' no_proxy='*'
for name in "${!DUNITE_@}"; do unset "$name"; done # a test says itself what it wants

# ---- checks ----

ok() { echo "ok $1"; }

not_ok() { # NAME [DETAIL]
    failures=$((failures + 1))
    echo "not ok $1"
    if [[ -n ${2-} ]]; then sed 's/^/#   /' <<<"$2"; fi
}

# check NAME COMMAND…: the command succeeds.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$* failed: $output"; fi
}

is() { # NAME GOT WANTED
    if [[ $2 == "$3" ]]; then ok "$1"; else not_ok "$1" "got '$2', wanted '$3'"; fi
}

# How many lines of the storefront's log match PATTERN. It is written behind the answers, so it waits for as many as
# are WANTED.
logged() { # PATTERN WANTED
    until_true 10 has_logged "$@" || true
    grep -c -- "$1" "$work/storefront.log" || true
}

has_logged() {
    [[ $(grep -c -- "$1" "$work/storefront.log") -ge $2 ]]
}

# has NAME TEXT PATTERN: a part of the text (a regular expression, any case).
has() {
    if grep -Eiq -- "$3" <<<"$2"; then ok "$1"; else not_ok "$1" "no '$3' in: ${2:0:2000}"; fi
}

lacks() { # NAME TEXT PATTERN
    if grep -Eiq -- "$3" <<<"$2"; then not_ok "$1" "there is '$3' in: ${2:0:2000}"; else ok "$1"; fi
}

skip_all() {
    echo "# skipped: $1"
    ok "$(basename "$0" .sh) has nothing to do here"
    exit 0
}

# ---- processes ----

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# engine LOG DIR [options]: serves, or the test ends here.
engine() {
    serve "$@" && return
    not_ok "an engine starts" "$(tail -n 20 "$1")"
    exit 1
}

finish() {
    local status=$?
    trap - EXIT
    end_all
    if ((failures)) && [[ -n ${KEEP-} ]]; then
        echo "# what was there is in $work"
    else
        if ((failures)); then
            tail -n 12 "$work"/*.log 2>/dev/null | grep -v route=/double | cut -c 1-300 | sed 's/^/#   /'
        fi
        rm -rf "$work"
    fi
    ((status == 0 && failures == 0)) || exit 1
}
trap finish EXIT
trap 'exit 1' INT TERM

# ---- the double ----

double_token=service-token
releases=$work/upstream/releases packages=$work/upstream/packages layouts=$work/upstream/oci

# asset FILE BYTES [REPOSITORY/TAG]: random bytes as a release's asset.
asset() {
    local folder=$releases/${3:-acme/tool/v1.0.0}
    mkdir -p "$folder"
    head -c "$2" /dev/urandom >"$folder/$1"
}

start_double() {
    mkdir -p "$work/upstream"
    DOUBLE_ROOT=$work/upstream DUNITE_DATA_DIR=$work/double-data DOUBLE_TOKEN=$double_token \
        DOUBLE_LISTEN=${double_address:-127.0.0.1:0} engine "$work/double.log" "$examples/forgejo"
    double_pid=$pid double_address=$address double=http://$address
}

script() { curl -sf "$double/double/script" -d "$1" >/dev/null; }
open_gate() { curl -sf "$double/double/open" -d "{\"path\":\"$1\"}" >/dev/null; }
waits_at_gate() { [[ $(curl -sf "$double/double/waiting?path=$1") == *"\"waiting\":${2:-1}}"* ]]; }

# upstream_count PATH [METHOD]
upstream_count() {
    curl -sf "$double/double/counts" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["counts"].get(sys.argv[1], 0))' "${2:-GET} $1"
}

path_of() { echo "/acme/tool/releases/download/v1.0.0/$1"; } # an asset's, upstream

# ---- the storefront ----

data=$work/data

# write_catalog: the usual applications.
write_catalog() {
    cat >"$work/catalog.lua" <<'LUA'
return {
  {
    slug = "tool", name = "Tool",
    source = { kind = "release", owner = "acme", repo = "tool" }, pinned_release = "v1.0.0",
    image = { owner = "acme", name = "tool" }, pinned_tag = "v1.0.0",
  },
  {
    slug = "kit", source = { kind = "generic_package", owner = "acme", package = "kit" }, pinned_release = "1.0",
  },
  {
    slug = "vault", requires_entitlement = true,
    source = { kind = "release", owner = "acme", repo = "tool" }, pinned_release = "v1.0.0",
    image = { owner = "acme", name = "tool" }, pinned_tag = "v1.0.0",
  },
}
LUA
}

# The environment that the storefront is driven by; tests add to it.
storefront_env() {
    export FORGEJO_BASE_URL=$double FORGEJO_API_TOKEN=$double_token STOREFRONT_CATALOG=$work/catalog.lua
    export DUNITE_DATA_DIR=$data
}

# start_storefront [options of serve]: with the usual catalog, unless one is there. DUNITE_LISTEN stays the same, so
# that a restart is found where it was.
start_storefront() {
    [[ -f $work/catalog.lua ]] || write_catalog
    storefront_env
    DUNITE_LISTEN=${storefront_address:-127.0.0.1:0} engine "$work/storefront.log" "$examples/storefront" "$@"
    storefront_pid=$pid storefront_address=$address storefront=http://$address
}

control() { "$DUNITE" "$1" "${@:2}" --dir "$examples/storefront" --data-dir "$data"; }

# member ID PASSWORD [options]
member() {
    control member add "$1" --email "$1@example.com" --password-stdin "${@:3}" <<<"$2" >/dev/null
}

downloads=/v1/applications/tool/downloads

# ask PATH [curl options]: $status, $body and $headers of the storefront's answer.
ask() {
    local path=$1
    shift
    : >"$work/body"
    status=$(curl -s --max-time 60 -D "$work/headers" -o "$work/body" -w '%{http_code}' "$@" "$storefront$path")
    headers=$(tr -d '\r' <"$work/headers")
    body=$(head -c 4000 "$work/body" | tr -d '\0')
}

header() { sed -n "s/^$1: //Ip" <<<"$headers" | head -n 1; }

sum() { sha256sum "$1" | cut -d' ' -f1; }

metric() { # LINE-BEGINNING: the sum of the values of the lines that begin so
    curl -sf "$storefront/metrics" | awk -v begin="$1" 'index($0, begin) == 1 { sum += $NF } END { print sum + 0 }'
}
