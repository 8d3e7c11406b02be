#!/bin/bash
# A program of somebody else's, built against an installed libdunite: by pkg-config and by CMake; it serves a deployment
# inside itself, with functions of its own.

source "$(dirname "$0")/lib.bash"

prefix=$work/installed
check "it installs" cmake --install "$(dirname "$DUNITE")" --prefix "$prefix"
check "with the program" "$prefix/bin/dunite" version
pc=$(find "$prefix" -name dunite.pc -printf '%h')
lib=$(dirname "$pc")
is "one header" "$(ls "$prefix/include")" dunite.h
is "nothing but what it declares is seen from outside" \
    "$(nm -D --defined-only "$lib/libdunite.so" | awk '$2 == "T" { print $3 }' | sort)" \
    "$(grep -o 'dunite_[a-z_]*(' "$prefix/include/dunite.h" | tr -d '(' | sort -u)"

cp -r "$examples/embed" "$work/embed"
cd "$work/embed" || exit 1
export PKG_CONFIG_PATH=$pc
read -ra flags < <(pkg-config --cflags --libs dunite)
check "a program builds by pkg-config" cc -Wall -Wextra -Werror main.c "${flags[@]}" -pthread -o by-pkg-config
check "and by CMake" sh -c "cmake -S . -B build -DCMAKE_PREFIX_PATH='$prefix' && cmake --build build"
export LD_LIBRARY_PATH=$lib

listens_now() { grep -q 'listening on' "$1"; }

run() { # PROGRAM: starts it; where it listens is in $storefront
    start "$work/embed.log" "$1" deployment "$work/embed-data"
    until_true 20 listens_now "$work/embed.log" || { not_ok "$1 serves" "$(cat "$work/embed.log")"; exit 1; }
    storefront=http://$(sed -n 's/^listening on //p' "$work/embed.log")
}

for program in ./by-pkg-config build/embed; do
    run "$program"
    ask /clerk
    is "$program: a function of its own answers" "$status $body" "200 a clerk of this program"
    ask /ask/stressed
    is "$program: one that waits, too" "$status $body" "200 desserts"
    pids=()
    for i in $(seq 20); do
        curl -s --max-time 20 -o "$work/reply.$i" "$storefront/ask/number-$i" &
        pids+=($!)
    done
    wait "${pids[@]}"
    is "$program: many at once get each their own" "$(for i in $(seq 20); do rev "$work/reply.$i"; echo; done)" \
        "$(seq -f 'number-%g' 20)"
    stop "$pid"
    is "$program: it ends cleanly" "$? $(tail -n 1 "$work/embed.log")" "0 ended"
done

said=$(./by-pkg-config "$work" "$work/embed-data" 2>&1)
has "a deployment that is none is told" "$? $said" '^1 dunite.lua: No such file'
