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
