#!/bin/bash
# Commands that serve nothing: what they print, and what they say of a folder that is not there.

source "$(dirname "$0")/lib.bash"

write_catalog
double=http://127.0.0.1:1 # nobody is asked
storefront_env

routes=$("$DUNITE" routes "$examples/storefront")
is "routes are listed" $? 0
has "by method, pattern and place" "$routes" \
    '^GET +/v1/applications/:slug/downloads/:asset +.*/?routes.lua:[0-9]+'
has "those of a vertical by their names" "$routes" '^GET +/v2/:slug/blobs/:digest .*registry.lua:[0-9]+ +blob'
is "the storefront is fine" "$("$DUNITE" check "$examples/storefront")" "fine: $(wc -l <<<"$routes") routes"

missing=$work/missing
for command in check routes serve spec; do
    said=$("$DUNITE" "$command" "$missing" 2>&1)
    has "$command of a folder that is not there names it" "$? $said" "^1 .*$missing.*No such file"
done
mkdir "$work/empty"
said=$("$DUNITE" check "$work/empty" 2>&1)
has "one without a deployment is told what is missing" "$? $said" '^1 dunite.lua: No such file'

# ---- calls that would do something else than they say ----

refused() { # NAME PATTERN COMMAND…
    local said code
    said=$(control "${@:3}" 2>&1 <<<'correct horse')
    code=$?
    has "$1" "$code $said" "^2 dunite: $2"
}

member ada 'correct horse'
member bob 'correct horse'
refused "a flag takes no value" "--admin takes no value, found 'false'" \
    member add eve --email eve@example.com --admin=false
refused "who is to be an address short is told" 'member add wants --email' member add eve
for verb in disable enable remove passwd; do
    refused "member $verb takes one member, not two" "member takes no argument 'bob'" member "$verb" ada bob
done
refused "member token revoke takes one token" "member takes no argument 'b'" member token revoke a b
for command in status flights reload audit 'keys list' 'member list'; do
    refused "$command takes no argument" "${command%% *} takes no argument 'more'" $command more
done
for command in serve check routes version; do
    said=$("$DUNITE" "$command" one two more 2>&1)
    has "$command does not pass over an argument" "$? $said" "^2 dunite: $command takes no argument"
done
is "nothing of that was done" "$(control member list | awk 'NR > 1 { print $1, $3, $4 }' | xargs)" \
    "ada true false bob true false"

long=$(printf 'x%.0s' {1..1024})
check "the longest password is taken" control member passwd ada <<<"$long"
hash=$(sqlite3 -readonly "$data/journal.db" "SELECT password_hash FROM members WHERE id = 'ada'")
check "wholly" python3 - "$hash" "$long" <<'PY'
import base64, ctypes, sys
lib = ctypes.CDLL("libargon2.so.1")
password = sys.argv[2].encode()
sys.exit(lib.argon2id_verify(sys.argv[1].encode(), password, len(password)))
PY
said=$(control member passwd ada <<<"$long$long" 2>&1)
has "a longer one is refused, and not cut" "$said" '^dunite: a password has 1 to 1024 bytes'

DUNITE_FOR='pulls' DUNITE_APP='tool, kit' control member token add ada --name job >/dev/null 2>&1
has "options that may come several times are environment variables, too" \
    "$(control member token list ada)" '\["pulls"\] +\["tool","kit"\]'

DUNITE_ADMIN=no control member add eve --email eve@example.com <<<'correct horse' >/dev/null
DUNITE_ADMIN=1 control member add boss --email boss@example.com <<<'correct horse' >/dev/null
is "a flag's variable that says no is none" "$(control member list | awk '/^(eve|boss)/ { print $1, $4 }' | xargs)" \
    "boss true eve false"

said=$(control member add zoe --email zoe@example.com --entitle valt <<<'correct horse' 2>&1)
has "an entitlement to no application is told" "$said" "note: no application 'valt' .*did you mean 'vault'"
