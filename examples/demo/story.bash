# What the demo tells, part by part. Source it.

crowd=100 asset_mib=32 pace_mib=8
upstream=$work/upstream data=$work/data
downloads=/v1/applications/tool/downloads
password='correct horse' # everybody's
failed=0 claims=0

title() { printf '\n%s\n' "$1"; }
say() { printf '   %s\n' "$*"; }

# claim TEXT COMMAND…: says it, with a mark that tells whether the command succeeded.
claim() {
    local text=$1 mark=ok
    shift
    claims=$((claims + 1))
    "$@" >/dev/null 2>&1 || { mark=FAILED failed=$((failed + 1)); }
    printf '   %-6s %s\n' "$mark" "$text"
}

sum() { sha256sum "$1" | cut -d' ' -f1; }

# ask MEMBER PATH [curl options]: $status, the body in $work/body, the headers in $work/headers.
ask() {
    : >"$work/body"
    status=$(curl -s --max-time 60 -u "$1@example.com:$password" -D "$work/headers" -o "$work/body" \
        -w '%{http_code}' "${@:3}" "$storefront$2")
}

header() { tr -d '\r' <"$work/headers" | sed -n "s/^$1: //Ip" | head -n 1; }
code() { grep -o '"code":"[^"]*"' "$work/body" | cut -d'"' -f4; }

# upstream_gets PATTERN: how many GETs of such paths upstream has had.
upstream_gets() {
    curl -s "$double/double/counts" | grep -oE "\"GET $1\":[0-9]+" | awk -F: '{ sum += $NF } END { print sum + 0 }'
}

upstream_gave_once() { # PATTERN
    local counts
    counts=$(curl -s "$double/double/counts" | grep -oE "\"GET $1\":[0-9]+")
    [[ -n $counts ]] && ! grep -qv ':1$' <<<"$counts"
}

metric() {
    curl -s "$storefront/metrics" | awk -v begin="$1" 'index($0, begin) == 1 { sum += $NF } END { print sum + 0 }'
}

cache_results() { metric "dunite_cache_results_total{result=\"$1\"}"; }

pull() { # MEMBER TAG FOLDER: all platforms
    skopeo copy --quiet --all --src-tls-verify=false --src-creds "$1@example.com:$password" \
        "docker://$storefront_address/tool:$2" "oci:$3:$2"
}

blobs_of() { (cd "$1/blobs/sha256" && sha256sum -- * | awk '$1 == $2 { print $1 }' | sort); }
same_image() { [[ -d $1/blobs && "$(blobs_of "$1")" == "$(blobs_of "$layout")" ]]; }

# ---- what there is ----

random_file() { # PATH MIB
    mkdir -p "$(dirname "$1")"
    head -c "$(($2 << 20))" /dev/urandom >"$1"
}

# A hundred members out of a file; ada and bob come by the command line. The hash is of everybody's password.
write_members() {
    cat >"$work/members.lua" <<LUA
local hash = "\$argon2id\$v=19\$m=8,t=1,p=1\$ZHVuaXRlIHNwZWMgc2FsdA\$3M/cQ1s8b8uKC9BN5J7JvJiTFa6nGfYQqPWrwGNkpmc"
local list = {}
for i = 1, $crowd do
  list[i] = { id = "member" .. i, email = "member" .. i .. "@example.com", password_hash = hash }
end
return list
LUA
}

write_catalog() {
    cat >"$work/catalog.lua" <<'LUA'
return {
  {
    slug = "tool", name = "Tool",
    source = { kind = "release", owner = "acme", repo = "tool" }, pinned_release = "v1.0.0",
    image = { owner = "acme", name = "tool" }, pinned_tag = "v1.0.0",
    versions = { { tag = "v1.1.0" }, { tag = "v1.2.0" } },
  },
}
LUA
}

start_upstream() {
    DOUBLE_ROOT=$upstream DUNITE_DATA_DIR=$work/upstream-data DOUBLE_TOKEN=private-token \
        DOUBLE_LISTEN=${double_address:-127.0.0.1:0} serve "$work/upstream.log" "$examples/forgejo"
    double_pid=$pid double_address=$address double=http://$address
}

start_storefront() {
    DUNITE_LISTEN=${storefront_address:-127.0.0.1:0} serve "$work/storefront.log" "$examples/storefront" --workers 2
    storefront_pid=$pid storefront_address=$address storefront=http://$address
}

add_member() {
    "$DUNITE" member add "$1" --email "$1@example.com" --password-stdin \
        --dir "$examples/storefront" --data-dir "$data" <<<"$password"
}

prepare() {
    title "A private upstream and a storefront in front of it"
    release=$upstream/releases/acme/tool/v1.0.0
    random_file "$release/tool-linux.tar.gz" $asset_mib
    random_file "$release/notes.bin" 1
    random_file "$release/slow.bin" 1
    random_file "$release/cold.bin" 1
    layout=$upstream/oci/acme/tool
    make_image "$layout" 8000000 v1.0.0 v1.1.0 v1.2.0
    write_members
    write_catalog
    start_upstream || { tail "$work/upstream.log"; exit 1; }
    export FORGEJO_BASE_URL=$double FORGEJO_API_TOKEN=private-token
    export STOREFRONT_CATALOG=$work/catalog.lua STOREFRONT_MEMBERS=$work/members.lua DUNITE_DATA_DIR=$data
    export DOWNLOAD_CONCURRENCY_PER_USER=2 DOWNLOAD_DAILY_LIMIT_PER_USER=5 OCI_PULLS_PER_USER_PER_DAY=2
    start_storefront || { tail "$work/storefront.log"; exit 1; }
    say "upstream    $double (a Forgejo double: releases, files and images out of a folder)"
    say "storefront  $storefront (two workers; everything it keeps is in $work)"
    claim "without the service token upstream shows nothing" \
        test "$(curl -s -o /dev/null -w '%{http_code}' "$double/api/v1/repos/acme/tool/releases/tags/v1.0.0")" = 404
    claim "members ada and bob are added by the command line" eval 'add_member ada && add_member bob'
}

# ---- many want the same ----

# Each writes "DIGEST SECONDS-TO-THE-FIRST-BYTE SECONDS".
one_of_the_crowd() {
    curl -s --max-time 120 -u "member$1@example.com:$password" -w '%{stderr}%{time_starttransfer} %{time_total}\n' \
        "$storefront$downloads/tool-linux.tar.gz" 2>"$work/crowd/$1.times" | sha256sum | cut -d' ' -f1 >"$work/crowd/$1"
}

stampede() {
    title "A stampede: $crowd members want a $asset_mib MiB asset at once, and nobody had it before"
    local path=/acme/tool/releases/download/v1.0.0/tool-linux.tar.gz ids=() i wanted
    mkdir "$work/crowd"
    curl -s "$double/double/script" -d "{\"path\":\"$path\",\"pace\":$((pace_mib << 20))}" >/dev/null
    say "upstream sends $pace_mib MiB a second, so it needs $((asset_mib / pace_mib)) s for one of them"
    for ((i = 1; i <= crowd; i++)); do
        one_of_the_crowd $i &
        ids+=($!)
    done
    wait "${ids[@]}"
    wanted=$(sum "$release/tool-linux.tar.gz")
    claim "all $crowd have it, each with the right SHA-256" \
        test "$(cat "$work/crowd/"*[0-9] | grep -c "^$wanted\$")" = $crowd
    claim "upstream was asked for it once" test "$(upstream_gets "$path")" = 1
    claim "1 missed the cache, $((crowd - 1)) shared its fill" \
        test "$(cache_results miss) $(cache_results coalesced)" = "1 $((crowd - 1))"
    sort -n "$work/crowd/"*.times >"$work/times"
    read -r least median most < <(
        awk '{ all[NR] = $1 } END { print all[1], all[int((NR + 1) / 2)], all[NR] }' "$work/times"
    )
    say "first byte after $least s at best, $median s in the middle, $most s at worst;" \
        "the last was done after $(awk '$2 > last { last = $2 } END { print last }' "$work/times") s" \
        "(each is hashed as it comes, on this same machine)"
    claim "everybody had bytes long before upstream was through" \
        test "$(awk -v soon=$((asset_mib / pace_mib)) '$1 > 0 && $1 < soon * 0.75' "$work/times" | wc -l)" = $crowd
}

# ---- images ----

image() {
    title "A container image: two platforms, pulled by skopeo"
    claim "ada pulls tool:v1.0.0" pull ada v1.0.0 "$work/pulled"
    claim "all $(blobs_of "$layout" | wc -l) manifests, configurations and layers are, by digest, what upstream has" \
        same_image "$work/pulled"
    say "the index is $image_digest"
    claim "upstream was asked once for each layer" upstream_gave_once '/v2/acme/tool/blobs/[^"]*'
}

# ---- too much ----

denials() {
    title "Too much: two downloads at once, five a day, two pulls a day"
    local path=/acme/tool/releases/download/v1.0.0/slow.bin two=()
    curl -s "$double/double/script" -d "{\"path\":\"$path\",\"gate\":{\"at\":500000}}" >/dev/null
    for _ in 1 2; do
        curl -s -u "bob@example.com:$password" -o /dev/null "$storefront$downloads/slow.bin" &
        two+=($!)
    done
    until_true 20 eval '[[ $(metric "dunite_limiter_leases{limit=\"downloads\"}") == 2 ]]'
    ask bob "$downloads/notes.bin"
    claim "bob's third download at once: $status $(code)" test "$status $(code)" = "429 download_concurrency_limit"
    ask ada "$downloads/notes.bin"
    claim "ada is not held up by that: $status" test "$status" = 200
    curl -s "$double/double/open" -d "{\"path\":\"$path\"}" >/dev/null
    wait "${two[@]}"
    for _ in 1 2 3 4; do ask bob "$downloads/notes.bin"; done # the third to the fifth, and one more
    claim "bob's sixth of the day: $status $(code), Retry-After: $(header retry-after) s" \
        test "$status $(code)" = "429 download_daily_limit" -a "$(header retry-after)" -gt 0
    local token tag
    token=$(curl -s -u "bob@example.com:$password" \
        "$storefront/auth/token?service=storefront&scope=repository:tool:pull" |
        sed 's/.*"token":"\([^"]*\)".*/\1/')
    for tag in v1.0.0 v1.1.0 v1.2.0; do
        : >"$work/body"
        status=$(curl -s -H "Authorization: Bearer $token" -D "$work/headers" -o "$work/body" -w '%{http_code}' \
            "$storefront/v2/tool/manifests/$tag")
    done
    claim "bob's third pull of the day: $status $(code), Retry-After: $(header retry-after) s" \
        test "$status $(code)" = "429 TOOMANYREQUESTS" -a "$(header retry-after)" -gt 0
}

crash() {
    title "A crash: the storefront is killed (kill -9) and started again"
    stop "$storefront_pid" KILL
    start_storefront
    ask bob "$downloads/notes.bin"
    claim "bob's day is not forgotten: $status $(code)" test "$status" = 429
    ask ada "$downloads/notes.bin"
    claim "what was cached still is: $status, $(header cache-status)" \
        test "$status $(header cache-status)" = "200 dunite; hit"
}

# ---- upstream is down ----

outage() {
    title "An outage: upstream is gone"
    stop "$double_pid"
    ask ada "$downloads/cold.bin"
    claim "what nobody had before: $status $(code) (upstream's fault, and said so)" \
        test "$status $(code)" = "502 transport"
    ask ada "$downloads/tool-linux.tar.gz"
    claim "what is cached: $status, and the right SHA-256" \
        test "$status $(sum "$work/body")" = "200 $(sum "$release/tool-linux.tar.gz")"
    claim "ada pulls tool:v1.0.0 again" pull ada v1.0.0 "$work/pulled-again"
    claim "and has the same image" same_image "$work/pulled-again"
    start_upstream
    ask ada "$downloads/cold.bin"
    claim "upstream is back: $status; the failed one was not counted" test "$status" = 200
}

figures() {
    title "What the storefront counted since its crash ($storefront/metrics)"
    local wanted='cache_results|fills|upstream_requests|response_bytes|errors|limit_denials'
    curl -s "$storefront/metrics" | grep -E "^dunite_($wanted)_total" |
        sed 's/^/   /'
    claim "the outage shows: one error of kind Transport" test "$(metric 'dunite_errors_total{kind="Transport"}')" = 1
    claim "no lease is left behind" test "$(metric dunite_limiter_leases)" = 0
}

keep_serving() {
    cat <<TEXT

The storefront goes on at $storefront. Try, from another terminal:

   curl -u 'ada@example.com:$password' $storefront/v1/downloads
   curl -u 'ada@example.com:$password' -O $storefront$downloads/notes.bin
   skopeo copy --src-tls-verify=false --src-creds 'ada@example.com:$password' \\
       docker://$storefront_address/tool:v1.0.0 dir:/tmp/tool
   curl $storefront/metrics
   $DUNITE member list --dir $examples/storefront --data-dir $data
   $DUNITE routes $examples/storefront

(the last two with FORGEJO_BASE_URL=$double FORGEJO_API_TOKEN=private-token)
Its log: $work/storefront.log. Ctrl-C ends everything and removes $work.
TEXT
    wait "$storefront_pid"
}
