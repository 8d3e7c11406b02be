#!/bin/bash
# As a service: sockets that the manager opened, what the manager is told, its watchdog, signals.

source "$(dirname "$0")/lib.bash"

deployment=$work/deployment
mkdir "$deployment"
cat >"$deployment/dunite.lua" <<'LUA'
local dunite, answer, health = require "dunite", require "dunite.answer", require "dunite.health"
return dunite.deployment {
  workers = 1,
  log = { file = dunite.env "LOG_FILE" },
  routes = function(app)
    app:mount("", health.routes())
    app:get("/", function() return answer.text "served" end)
    app:get("/slow", function() -- until the end is told
      while not dunite.health().draining do dunite.clock.sleep(5) end
      return answer.text "slow"
    end)
    app:get("/still", function() -- a pattern that no budget stops; each is longer than the one before
      local began, size = dunite.clock.mono(), 20
      while dunite.clock.mono() - began < 4000 do
        local _ = ("a"):rep(size):find((".-"):rep(6) .. "b")
        size = size + 10
      end
      return answer.text "at last"
    end)
  end,
}
LUA
export DUNITE_DATA_DIR=$work/data LOG_FILE=$work/dunite.log
told() { grep -c "^told $1" "$work/manager.out"; }
has_told() { [[ $(told "$1") -ge $2 ]]; }
said() { sed -n "s/^$1 //p" "$work/manager.out"; }

WATCHDOG_SECS=2 start "$work/manager.out" python3 "$here/manager.py" web,admin "$DUNITE" serve "$deployment"
manager=$pid
check "it tells that it is ready" until_true 20 has_told READY=1 1
web=http://$(said 'listening web') admin=http://$(said 'listening admin') service=$(said service)
is "the socket it was given is served" "$(curl -s "$web/")" served
is "the one named admin is for health and metrics" "$(curl -s -o /dev/null -w '%{http_code}' "$admin/readyz")" 200
is "and for nothing else" "$(curl -s -o /dev/null -w '%{http_code}' "$admin/")" 404
sockets=$(find "/proc/$service/fd" -printf '%l\n' | sed -n 's/^socket:\[\(.*\)\]$/\1/p')
is "it listens on no socket of its own" \
    "$(awk '$4 == "0A" { print $10 }' /proc/net/tcp | grep -cxF "$sockets")" 2
check "the watchdog hears of it" until_true 20 has_told WATCHDOG=1 2

# ---- reload ----

kill -HUP "$manager"
check "a reload is told" until_true 20 has_told RELOADING=1 1
check "with its time" has_told 'MONOTONIC_USEC=[0-9]' 1
check "and its end" until_true 20 has_told READY=1 2
is "it serves on" "$(curl -s "$web/")" served

# ---- logs ----

mv "$LOG_FILE" "$work/dunite.log.1"
kill -USR1 "$service"
check "SIGUSR1 opens the log anew" until_true 10 eval 'curl -s "$web/" >/dev/null; [[ -s $LOG_FILE ]]'
lines=$(wc -l <"$work/dunite.log.1")
curl -s "$web/" >/dev/null
is "and writes no more to the one that was moved" "$(wc -l <"$work/dunite.log.1")" "$lines"

# ---- a loop that stands still ----

start "$work/still" curl -s "$web/still"
still=$pid
check "a loop that stands still is reported" until_true 20 grep -q 'a worker stands still' "$LOG_FILE"
has "with the request that is at it" "$(grep 'a worker stands still' "$LOG_FILE")" 'request=[0-9a-f]{16} worker=0'
before=$(told WATCHDOG=1)
check "it goes on" until_true 60 grep -q 'a worker goes on after it stood still' "$LOG_FILE"
wait "$still"
is "the request that was at it is answered" "$(cat "$work/still")" 'at last'
check "the watchdog hears of it again" until_true 20 has_told WATCHDOG=1 $((before + 1))
has "and it is counted" "$(curl -s "$admin/metrics")" 'dunite_worker_stalls_total [1-9]'

# ---- the end ----

start "$work/slow" curl -s "$web/slow"
slow=$pid
runs() { [[ $("$DUNITE" status --dir "$deployment") == *'GET /slow'* ]]; }
check "it runs in scripts that are old by now" until_true 10 eval '"$DUNITE" reload --dir "$deployment" >/dev/null && runs'
kill -TERM "$manager"
check "its end is told" until_true 20 has_told STOPPING=1 1
wait "$slow"
is "what runs is answered" "$(cat "$work/slow")" slow
wait "$manager"
is "it ends with 0" "$(said ended)" 0
