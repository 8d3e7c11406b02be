# Starting things, waiting until they are there, ending them by their ids. Source it; it needs DUNITE, the program.

started=() # ids of what is to be ended

# until_true SECONDS COMMAND…: asks again and again until the command succeeds.
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        read -rt 0.05 <> <(:) || true
    done
}

# start LOG COMMAND…: in the background; its id is in $pid.
start() {
    local log=$1
    shift
    : >"$log" # here and not in the child, so that nobody reads an older one
    "$@" >>"$log" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
}

# stop ID [SIGNAL]: gives its exit status.
stop() {
    {
        kill -"${2:-TERM}" "$1"
        wait "$1"
    } 2>/dev/null # where bash says that it was killed, too
}

listens() { grep -Pzq 'listening on \S+\n' "$1"; }

# serve LOG DIR [options]: an engine; where it listens is in $address. False when it does not.
serve() {
    local log=$1
    shift
    start "$log" "$DUNITE" serve "$@"
    until_true 20 listens "$log" || return 1
    address=$(sed -n 's/.*listening on //p' "$log" | head -n 1)
}

end_all() {
    local id
    {
        for id in "${started[@]}"; do kill -KILL "$id"; done
        wait
    } 2>/dev/null
    started=()
}
