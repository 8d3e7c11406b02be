#!/bin/bash
# Reloading the storefront while it is used: a download that began before goes on, limits and fills are kept, what is wrong
# changes nothing, and the reason is on the terminal, in the log and in the metrics.

source "$(dirname "$0")/lib.bash"

asset tool.bin 4000000
asset small.bin 1000
start_double
write_catalog
storefront_env
export DOWNLOAD_DAILY_LIMIT_PER_USER=6
deployment=$work/deployment
cp -r "$examples/storefront" "$deployment"
engine "$work/storefront.log" "$deployment" --listen 127.0.0.1:0 --workers 2
storefront_pid=$pid storefront_address=$address storefront=http://$address
"$DUNITE" member add ada --email ada@example.com --password-stdin --dir "$deployment" <<<correct-horse
ada=(-u ada@example.com:correct-horse)

reload() { "$DUNITE" reload --dir "$deployment" 2>&1; }
states_old() { "$DUNITE" status --dir "$deployment" | grep -o '"generation":[0-9]*,"held_by"' | wc -l; }

# ---- a download that began before ----

script "{\"path\":\"$(path_of tool.bin)\",\"gate\":{\"at\":1000000}}"
start "$work/slow.bin" curl -sf "${ada[@]}" "$storefront$downloads/tool.bin"
slow=$pid
check "a download is under way" until_true 10 waits_at_gate "$(path_of tool.bin)"
sed -i 's/^return function(app)$/return function(app)\n  app:get("\/second", function() return answer.text "second" end)/' \
    "$deployment/routes.lua"
said=$(reload)
is "it reloads" $? 0
has "and says which generation serves" "$said" 'generation 2 serves'
ask /second
is "the new route is there" "$body" second
start "$work/joined.bin" curl -sf "${ada[@]}" "$storefront$downloads/tool.bin"
joined=$pid
check "the new generation's request joins the fill of the old one's" \
    until_true 10 eval '[[ $(metric "dunite_cache_results_total{result=\"coalesced\"}") -ge 1 ]]'
ask "$downloads/small.bin" "${ada[@]}"
is "two hold their slots over the reload, so a third is denied" "$status" 429
open_gate "$(path_of tool.bin)"
wait "$slow"
is "the download that began before ends" $? 0
wait "$joined"
is "and so does the one that joined it" $? 0
check "both have all of it" cmp "$work/slow.bin" "$releases/acme/tool/v1.0.0/tool.bin"
check "and right" cmp "$work/joined.bin" "$releases/acme/tool/v1.0.0/tool.bin"
is "by one fetch" "$(upstream_count "$(path_of tool.bin)")" 1
check "nothing is left of the old generation" until_true 10 eval '[[ $(states_old) = 0 ]]'

# ---- by signal ----

kill -HUP "$storefront_pid"
is "SIGHUP reloads, too" "$(logged 'reloaded: a new generation of scripts serves generation=3' 1)" 1

# ---- limits ----

for _ in 1 2 3 4; do ask "$downloads/small.bin" "${ada[@]}"; done
is "the day's count is kept over reloads: the sixth is granted" "$status" 200
ask "$downloads/small.bin" "${ada[@]}"
is "the seventh is denied" "$status" 429
sed -i 's/daily_cap = .*DOWNLOAD_DAILY_LIMIT_PER_USER.*[0-9].*)/daily_cap = 7/' "$deployment/dunite.lua"
check "a changed limit is reloaded" reload
ask "$downloads/small.bin" "${ada[@]}"
is "and holds at once" "$status" 200
ask "$downloads/small.bin" "${ada[@]}"
is "up to its number" "$status" 429

# ---- what is wrong ----

cp "$deployment/routes.lua" "$work/routes.lua"
fails() { # NAME PATTERN
    said=$(reload)
    is "$1: the reload fails" $? 1
    has "and says why" "$said" "$2"
    has "the log says it too" "$(cat "$work/storefront.log")" "not reloaded: .*$2"
    ask /second
    is "and the scripts of before go on" "$body" second
}
echo 'return function(app' >"$deployment/routes.lua"
fails "a syntax error" "routes.lua:[0-9]+: '?.*expected"
sed 's/ DailyCap *=.*//' "$work/routes.lua" >"$deployment/routes.lua"
fails "an arm that is missing" 'no arm for LimitDenial.DailyCap'
cp "$work/routes.lua" "$deployment/routes.lua"
mv "$deployment" "$deployment.gone"
said=$("$DUNITE" reload --dir "$deployment" --data-dir "$data" 2>&1)
is "a folder that vanished: the reload fails" $? 1
has "and names it" "$said" "$deployment"
ask /second
is "the scripts of before go on" "$body" second
mv "$deployment.gone" "$deployment"
is "each failure was counted" "$(metric 'dunite_reloads_total{result="failed"}')" 3

# ---- specs ----

sed -i 's/^return dunite.deployment {$/&\n  reload = { specs = true },/' "$deployment/dunite.lua"
rm -rf "$deployment/spec"
mkdir "$deployment/spec"
echo 'it("holds what we promise", function() assert.equal("promised", "delivered") end)' \
    >"$deployment/spec/promise_spec.lua"
fails "a spec that fails" 'specs ended with'
has "with what the specs said" "$said" 'holds what we promise'
echo 'it("holds what we promise", function() assert.equal(1, 1) end)' >"$deployment/spec/promise_spec.lua"
check "a spec that passes lets it in" reload

# ---- what needs a restart ----

sed -i 's/^return dunite.deployment {$/&\n  workers = 5,/' "$deployment/dunite.lua"
has "what no reload changes is told" "$(unset DUNITE_WORKERS && reload)" 'served|serves'

stop "$storefront_pid"
is "it ends with 0" $? 0
