#!/bin/bash
# `dunite check`: every kind of finding, with file, line and what to write; for people, for editors, and online.

source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

site=$work/site
mkdir -p "$site"
cat >"$site/dunite.lua" <<'LUA'
local dunite = require "dunite"
return dunite.deployment {
  workers = 3000,
  limts = {},
  cache = { max_bytes = "lots" },
  upstreams = { forgejo = { kind = "forgejo", url = dunite.env "NO_URL", token = dunite.secret "NO_TOKEN" } },
  limits = { downloads = {} },
  catalog = "catalog",
  members = "members",
  routes = "routes",
}
LUA
cat >"$site/catalog.lua" <<'LUA'
return {
  { slug = "tool" },
  { slug = "Bad Slug",
    source = { kind = "release", owner = "x" } },
}
LUA
cat >"$site/members.lua" <<'LUA'
return {
  { id = "ada", email = "ada@example.com",
    password_hash = "plain" },
}
LUA
cat >"$site/routes.lua" <<'LUA'
local dunite, answer = require "dunite", require "dunite.answer"

local function silent(req)
  if req.path then return nil end
end

return function(app)
  app:get("/a", function(req)
    print(undefned)
    leaked = 1
    os.exit(1)
    if req.path == dunite.LimitDenial.Concurency then return answer.text "x" end
    local limit = app.limits.downlods
    return limit and require "dunite.anwser"
  end)
  app:get("/a", function() return answer.text "" end)
  app:get("/b", silent)
  app:get("/c%41", function() return answer.text "" end)
  app:get("/d/:x/:x", function() return answer.text "" end)
  app:get("/e", answer.nothing)
  app:get("/f/:name", function() return answer.text "" end)
  app:post("/f/index", function() return answer.text "" end)
  app:get("/g", function() return dunite.matcher(dunite.LimitDenial) { Concurrency = function() end } end)
  app:get("/h", function() return dunite.errors.mirror "E" { into = { NotFond = "A" }, back = {} } end)
end
LUA
cat >"$work/wanted" <<'TEXT'
catalog.lua:3: application 2.slug: found "Bad Slug", allowed is small letters, digits, '.', '_' and '-', beginning with a letter or digit
catalog.lua:4: application 2.source.repo: is missing (a release has one)
dunite.lua:3: workers: found 3000, allowed is a whole number from 0 to 256
dunite.lua:4: limts: no such key, did you mean 'limits'?
dunite.lua:5: cache.max_bytes: found "lots", allowed is bytes, or a size such as "50GiB"
dunite.lua:6: upstreams.forgejo.token: neither NO_TOKEN_FILE nor NO_TOKEN is set
dunite.lua:6: upstreams.forgejo.url: the environment variable NO_URL is not set
members.lua:3: member 1.password_hash: found "plain", allowed is an argon2id string
routes.lua:3: the handler of GET /b gives no answer (write return answer.…)
routes.lua:9: undefined global 'undefned' (write local, or require it)
routes.lua:10: the new global 'leaked' is assigned to (write local)
routes.lua:11: os has no 'exit' here (it has clock, date, difftime, time)
routes.lua:12: LimitDenial has no variant 'Concurency', did you mean 'Concurrency'?
routes.lua:13: no limit 'downlods' is declared, did you mean 'downloads'? (dunite.lua, limits)
routes.lua:14: there is no module 'dunite.anwser', did you mean 'dunite.answer'? (a.b is a/b.lua in the deployment's folder)
routes.lua:16: GET /a is already there as /a (routes.lua:8)
routes.lua:18: no path has the segment 'c%41': paths are compared segment by segment, decoded, without their query (write 'cA')
routes.lua:19: a parameter 'x' is there already (name it otherwise)
routes.lua:20: the handler of GET /e is no function
routes.lua:23: this matcher is not total: no arm for DailyCap (write one for each of Concurrency, DailyCap)
routes.lua:24: the mirror E is not total: no arm for NotFound; …
routes.lua:22: POST /f/index hides GET /f/:name, which is 405 there (write a GET route for it, too) (warning)
TEXT

# What varies with the list of keys and kinds is left out.
brief() { sed -e 's/ (known are .*//' -e 's/\(no arm for NotFound;\).*/\1 …/'; }

(cd "$site" && "$DUNITE" check) 2>"$work/said" >"$work/out"
is "a deployment with faults fails" $? 1
while IFS= read -r line; do
    has_line() { grep -Fxq -- "$line" <(brief <"$work/said"); }
    if has_line; then ok "finding: $line"; else not_ok "finding: $line" "$(brief <"$work/said")"; fi
done <"$work/wanted"
is "in the order of files and lines, and no other" "$(brief <"$work/said")" "$(<"$work/wanted")"

"$DUNITE" check "$site" --format json >"$work/json" 2>&1
is "for editors it fails, too" $? 1
is "with file, line, severity and message" "$(python3 - "$work/json" <<'PY'
import json, sys
found = json.load(open(sys.argv[1]))
print(len(found), found[0]["file"], found[0]["line"], found[0]["severity"], found[-1]["severity"], found[-1]["line"])
print(found[13]["message"])
PY
)" "22 catalog.lua 3 error warning 22
no limit 'downlods' is declared, did you mean 'downloads'? (dunite.lua, limits)"
"$DUNITE" check "$site" --format yaml >/dev/null 2>"$work/said"
is "a format that is none is a wrong call" "$? $(<"$work/said")" "2 dunite: --format is text or json, not 'yaml'"

"$DUNITE" chek >/dev/null 2>"$work/said"
is "a command that is none is a wrong call, with the nearest" "$? $(<"$work/said")" \
    "2 dunite: no command 'chek', did you mean 'check'?; see \`dunite help\`"
"$DUNITE" check --onlin >/dev/null 2>"$work/said"
is "so is an option" "$? $(<"$work/said")" "2 dunite: no option '--onlin', did you mean '--online'?; see \`dunite help\`"

# What is only suspicious is served, with a warning in the log.
cat >"$site/dunite.lua" <<'LUA'
return require("dunite").deployment { listen = { "127.0.0.1:0" }, routes = "routes" }
LUA
cat >"$site/routes.lua" <<'LUA'
return function(app) app:get("/x", function() return undefned end) end
LUA
"$DUNITE" check "$site" >/dev/null 2>"$work/said"
is "a suspicion fails the check" "$? $(<"$work/said")" \
    "1 routes.lua:1: undefined global 'undefned' (write local, or require it)"
engine "$work/suspicious.log" "$site"
has "and is a warning of serve" "$(<"$work/suspicious.log")" "WARN routes.lua:1: undefined global 'undefned'"
echo 'return function(' >"$site/routes.lua"
"$DUNITE" check "$site" >/dev/null 2>"$work/said"
has "a syntax error has its place" "$? $(<"$work/said")" '1 routes.lua:[12]: .*expected'

# ---- online ----

asset tool.zip 10
mkdir -p "$packages/acme/kit/1.0"
echo kit >"$packages/acme/kit/1.0/kit.txt"
start_double
write_catalog
storefront_env
unset -v status
"$DUNITE" check "$examples/storefront" --online >"$work/out" 2>"$work/said"
is "what upstream does not have fails the check online" $? 1
has "what it has is told as it is asked" "$(<"$work/out")" '^kit: generic_package 1.0: 1 file$'
has "what it has not is told with its place" "$(<"$work/said")" \
    'catalog.lua: tool: upstream forgejo has no image v1.0.0 \(put it there, or name another version\)'
"$DUNITE" check "$examples/storefront" --online --format json 2>/dev/null | python3 -c 'import json, sys; f = json.load(sys.stdin); print(len(f), f[0]["severity"])' >"$work/out"
is "online for editors" "$(<"$work/out")" "2 error"
check "nothing is left of it" test ! -e "$data"
FORGEJO_API_TOKEN=wrong "$DUNITE" check "$examples/storefront" --online >/dev/null 2>"$work/said"
has "credentials that are refused are named" "$(<"$work/said")" 'refuses our credentials with 401 .*upstreams.forgejo.token'
sed -i 's/^.*image = .*$//' "$work/catalog.lua"
check "all that is there is fine online" "$DUNITE" check "$examples/storefront" --online
