#!/bin/bash
# The manual's shell blocks run; its commands are those of `dunite help`; systemd's and man's files are fine.

source "$(dirname "$0")/lib.bash"

root=$(cd "$here/../.." && pwd)
docs=$root/docs

# blocks PAGE FENCE: their text, each behind a line "#: LINE".
blocks() {
    awk -v fence="\`\`\`$2" '
        $0 == fence     { on = 1; print "#: " NR + 1; next }
        /^```/          { on = 0 }
        on' "$docs/$1.md"
}

# ---- the blocks ----

asset tool.tar.gz 300000
start_double
start_storefront
member eve correct-horse
ask "$downloads/tool.tar.gz" -u eve@example.com:correct-horse
is "somebody has downloaded something" "$status" 200

# They call the program by its name, in a folder that has the examples, and a storefront serves at 8080.
mkdir -p "$work/bin" "$work/site"
ln -s "$DUNITE" "$work/bin/dunite"
cp -r "$examples" "$work/site/examples"
export PATH=$work/bin:$PATH

run_blocks() { # PAGE
    local block= line=
    while IFS= read -r text; do
        if [[ $text == '#: '* ]]; then
            run_block "$1" "$line" "$block"
            block= line=${text#'#: '}
        else
            block+=$text$'\n'
        fi
    done < <(blocks "$1" "sh run"; echo '#: end')
}

run_block() { # PAGE LINE TEXT
    [[ -n $3 ]] || return 0
    local text=${3//127.0.0.1:8080/$storefront_address}
    check "$1.md, line $2: its commands do what they say" \
        bash -euc "cd '$work/site' && $text"
}

for page in "$docs"/*.md; do run_blocks "$(basename "$page" .md)"; done
check "the backup holds what is counted" test -s "$work/site/backup/counts.db"

# ---- a restored backup ----

used() { # DATA_DIR
    sqlite3 -readonly "$1/counts.db" "SELECT sum(ceiling) FROM ceilings WHERE subject = 'eve'"
}
stop "$storefront_pid"
data=$work/restored
cp -r "$work/site/backup" "$data"
is "the restored count is that of the day" "$(used "$data")" 1
unset storefront_address
start "$work/refused.log" env DUNITE_DATA_DIR="$data" DUNITE_LISTEN=127.0.0.1:0 "$DUNITE" serve "$examples/storefront"
wait "$pid"
is "a cache that is not there is refused" $? 1
has "by the option that takes it" "$(<"$work/refused.log")" '--accept-empty-cache'
start_storefront --accept-empty-cache
ask "$downloads/tool.tar.gz" -u eve@example.com:correct-horse
is "a restored member is let in" "$status" 200

# ---- the commands ----

commands() { "$DUNITE" help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | sort; }
options() { "$DUNITE" help "$1" | sed -n 's/^  \(--[a-z-]*\( [A-Z]\{1,\}\)\{0,1\}\) .*/\1/p' | sort; }

# section COMMAND: the part of cli.md whose heading names the command.
section() {
    awk -v command="$1" '
        /^## /  { on = 0; n = split(substr($0, 4), names, ", "); for (i = 1; i <= n; i++) if (names[i] == command) on = 1 }
        on' "$docs/cli.md"
}

is "cli.md has every command" \
    "$(sed -n 's/^## \([a-z, ]*\)$/\1/p' "$docs/cli.md" | tr -d ' ' | tr ',' '\n' | sort)" "$(commands)"
for command in $(commands); do
    case $command in
    spec | version | help) continue ;; # spec's options go to busted; the others have none
    keys) part=$(section status) ;;    # one table for four
    *) part=$(section "$command") ;;
    esac
    is "cli.md has every option of $command" \
        "$(sed -n 's/^| `\(--[^`]*\)`.*/\1/p' <<<"$part" | sort)" "$(options "$command")"
done
is "the man page has every option" \
    "$(sed -n 's/^\.BI\{0,1\} \(\\-\\-[a-z\\-]*\).*/\1/p' "$root/packaging/dunite.1" | tr -d '\\' | sort)" \
    "$(for command in $(commands); do options "$command"; done | cut -d' ' -f1 | sort -u)"

# ---- what others read ----

if command -v groff >/dev/null; then
    is "the man page is laid out without a warning" \
        "$(groff -man -Tutf8 -ww "$root/packaging/dunite.1" 2>&1 >/dev/null)" ""
fi

if command -v systemd-analyze >/dev/null; then
    sed "s|/usr/local/bin/dunite|$DUNITE|" "$root/packaging/dunite.service" >"$work/dunite.service"
    check "the unit is one" systemd-analyze verify --man=no "$work/dunite.service"
fi
