#!/bin/bash
# `dunite eject`, and where scripts are looked for.

source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

site=$work/site
mkdir -p "$site"
cat >"$site/dunite.lua" <<'LUA'
return require("dunite").deployment {
  listen = { "127.0.0.1:0" },
  limits = { pulls = {} },
  routes = function(app)
    app:mount("/v2", require("dunite.verticals.oci").routes { limiter = app.limits.pulls })
    app:get("/who", function() return require("dunite.answer").text(require "who") end)
  end,
}
LUA
echo 'return "the deployment"' >"$site/who.lua"

eject() { "$DUNITE" eject --dir "$site" "$@"; }

list=$(eject)
has "without a name it lists what there is" "$list" '^  verticals/oci/wire.lua +[0-9]+ bytes$'
lacks "but for what editors read" "$list" 'meta/native'

check "a group is copied" eject oci
parts=$(cd "$site" && find dunite -name '*.lua' | sort)
has "its main script" "$parts" '^dunite/verticals/oci.lua$'
has "and its parts" "$parts" '^dunite/verticals/oci/wire.lua$'
lacks "and no other" "$parts" '^dunite/(router|verticals/download|errors/oci).lua$'
is "the copy is stamped" "$(head -n 1 "$site/dunite/verticals/oci.lua" | sed 's/sha256:[0-9a-f]\{12\}/sha256:X/')" \
    "-- Ejected from dunite $("$DUNITE" version | awk '$1 == "dunite" { print $2 }'): dunite/verticals/oci.lua sha256:X. Yours to edit."
is "and the same otherwise" "$(tail -n +2 "$site/dunite/verticals/oci.lua" | sha256sum)" \
    "$(sha256sum <"$here/../../scripts/dunite/verticals/oci.lua")"
has "the list tells it" "$(eject)" 'verticals/oci.lua .*the deployment has its own'

# ---- nothing is lost ----

echo '-- mine' >>"$site/dunite/verticals/oci/wire.lua"
rm "$site/dunite/verticals/oci/tags.lua"
said=$(eject oci 2>&1)
is "what is there is not written over" $? 1
has "which is said" "$said" 'oci/wire.lua is there already; --force writes it anew'
is "and nothing else is written" "$(ls "$site/dunite/verticals/oci/tags.lua" 2>&1 | grep -c 'No such')" 1
is "mine is still there" "$(tail -n 1 "$site/dunite/verticals/oci/wire.lua")" '-- mine'
check "--force writes it anew" eject oci --force
lacks "mine is gone" "$(<"$site/dunite/verticals/oci/wire.lua")" '^-- mine'
for name in dunite.router answer errors/oci.lua; do check "a script may be called $name" eject "$name"; done
check "they are where they are found" ls "$site/dunite/router.lua" "$site/dunite/answer.lua" "$site/dunite/errors/oci.lua"
said=$(eject anwser 2>&1)
is "a name that is none fails" $? 1
has "with the nearest" "$said" "no script 'anwser', did you mean 'answer'?"

# ---- an engine that has another by now ----

is "a copy of this engine's is no warning" "$("$DUNITE" check "$site" 2>&1)" "fine: 6 routes"
sed -i '1s/dunite [0-9.]*:\(.*\)sha256:...../dunite 0.0.9:\1sha256:00000/' "$site/dunite/verticals/oci/wire.lua"
said=$("$DUNITE" check "$site" 2>&1)
is "a copy of an older engine's is a warning" $? 0
has "that says from when it is, and what to do" "$said" \
    '^dunite/verticals/oci/wire.lua:1: ejected from dunite 0\.0\.9; .*dunite eject --force dunite/verticals/oci/wire.lua'
engine "$work/site.log" "$site" --data-dir "$work/site-data"
has "serve warns, too" "$(<"$work/site.log")" 'WARN dunite/verticals/oci/wire.lua:1: ejected from dunite 0\.0\.9'

# ---- the order: the deployment, --scripts, the program ----

who() { curl -sf "http://$address/who"; }
is "the deployment's own goes first" "$(who)" "the deployment"
mkdir -p "$work/scripts/dunite"
echo 'return "the scripts"' >"$work/scripts/who.lua"
stop "$pid"
engine "$work/site.log" "$site" --data-dir "$work/site-data" --scripts "$work/scripts"
is "also before --scripts" "$(who)" "the deployment"
stop "$pid"
rm "$site/who.lua"
engine "$work/site.log" "$site" --data-dir "$work/site-data" --scripts "$work/scripts"
is "then --scripts" "$(who)" "the scripts"
stop "$pid"
rm -r "$site/dunite"
sed 's/plain; charset=utf-8/scripted/' "$here/../../scripts/dunite/answer.lua" >"$work/scripts/dunite/answer.lua"
engine "$work/site.log" "$site" --data-dir "$work/site-data" --scripts "$work/scripts"
has "also before the program's own" "$(curl -sfi "http://$address/who")" 'content-type: text/scripted'

# ---- editors ----

check "declarations for an editor" eject meta
check "with all that C gives" test -s "$site/.dunite/library/dunite/meta/native.lua"
is "and where they are" "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["workspace.library"])' "$site/.luarc.json")" \
    "['.dunite/library']"
echo '{}' >"$site/.luarc.json"
check "again" eject meta
is "an own .luarc.json stays" "$(<"$site/.luarc.json")" '{}'
echo 'return ""' >"$site/who.lua"
is "require does not find them" "$("$DUNITE" check "$site" 2>&1)" "fine: 6 routes"
