#!/bin/bash
# One program file of engine and policies: it serves where none of its scripts are, and knows when it is not whole.

source "$(dirname "$0")/lib.bash"

asset tool.bin 2000000
start_double
write_catalog
storefront_env
unset STOREFRONT_CATALOG

# ---- making one ----

shop=$work/deployment
cp -r "$examples/storefront" "$shop"
cp "$work/catalog.lua" "$shop/catalog.lua"
mkdir "$shop/.hidden"
echo 'not lua' >"$shop/.hidden/left_out.lua"
bundle=$work/shop
said=$("$DUNITE" bundle "$shop" -o "$bundle")
is "a deployment becomes a program" $? 0
has "what went in is listed" "$said" '^ +routes.lua +[0-9]+ bytes'
lacks "but no spec and nothing hidden" "$said" '_spec|left_out'
has "the shared libraries it needs are named" "$said" 'liblua5.4.so.0'
said=$(FORGEJO_BASE_URL='' "$DUNITE" bundle "$shop" -o "$work/none" 2>&1)
has "one that does not check is not bundled" "$? $said" '^1 .*FORGEJO_BASE_URL is not set'
check "nor is anything written" test ! -e "$work/none"
check "unless it is told to" env FORGEJO_BASE_URL= "$DUNITE" bundle "$shop" -o "$work/none" --unchecked
said=$("$DUNITE" bundle "$shop" -o "$work/missing/folder" 2>&1)
has "a file that cannot be written is told" "$? $said" '^1 .*missing/folder: No such file'
said=$("$DUNITE" bundle "$shop" 2>&1)
has "and one that is not named" "$? $said" '^2 .*bundle \[DIR\] -o FILE'
"$DUNITE" bundle "$shop" -o "$work/again" >/dev/null
check "the same scripts make the same program" cmp "$bundle" "$work/again"

# ---- where there are no scripts ----

rm -r "$shop"
mkdir "$work/elsewhere"
cd "$work/elsewhere" || exit 1
has "its routes are its own" "$("$bundle" routes)" '^GET .*/downloads/:asset +bundle:routes.lua:[0-9]+'
has "it checks what it carries" "$("$bundle" check)" '^fine: '
"$bundle" member add ada --email ada@example.com --password-stdin <<<correct-horse >/dev/null
is "it knows its data folder" $? 0
plain=$DUNITE DUNITE=$bundle
DUNITE_LISTEN=127.0.0.1:0 serve "$work/storefront.log" || { not_ok "it serves" "$(cat "$work/storefront.log")"; exit 1; }
DUNITE=$plain storefront=http://$address
ask "$downloads/tool.bin" -u ada@example.com:correct-horse
is "it serves without a folder" "$status" 200
is "what upstream has" "$(sum "$work/body")" "$(sum "$releases/acme/tool/v1.0.0/tool.bin")"
has "its commands find it" "$("$bundle" status)" '"ok":true'
has "and its audit" "$("$bundle" audit --member ada --json)" '"event":"requested".*"asset":"tool.bin"'
said=$("$bundle" check "$examples/minimal")
has "a folder that is named is served instead" "$? $said" '^0 fine: 1 routes'
check "it makes bundles itself" "$bundle" bundle "$examples/minimal" -o "$work/minimal"
has "of that folder and nothing else" "$("$work/minimal" routes)" '^GET +/:slug/:asset '
is "as the plain program would" "$("$work/minimal" routes | wc -l)" 1

# ---- when it is not whole ----

size=$(stat -c %s "$bundle")
for lost in 1 1000 6000; do
    head -c $((size - lost)) "$bundle" >"$work/cut"
    chmod +x "$work/cut"
    said=$("$work/cut" check 2>&1)
    has "cut off by $lost bytes it says so and does nothing" "$? $said" '^1 .*bundle is truncated'
done
cp "$bundle" "$work/damaged"
printf X | dd of="$work/damaged" bs=1 seek=$((size - 10)) conv=notrunc status=none
said=$("$work/damaged" check 2>&1)
has "damaged it says so and does nothing" "$? $said" '^1 .*bundle is damaged'
