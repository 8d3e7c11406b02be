#!/bin/bash
# `dunite spec`: what breaks in one file hides no other, and busted's options and outputs are busted's.

source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

good=$work/good broken=$work/broken
mkdir -p "$good/spec" "$broken/spec"
cat >"$good/spec/good_spec.lua" <<'LUA'
describe("good", function()
  it("is fast #fast", function() assert.is_true(true) end)
  it("is slow #slow", function() assert.is_true(true) end)
  pending("is later")
end)
LUA
cat >"$broken/spec/a_spec.lua" <<'LUA'
describe("a", function()
  it("exits", function() os.exit(0) end)
  it("takes all memory", function()
    local all = {}
    while true do all[#all + 1] = ("x"):rep(1 << 20) .. #all end
  end)
  it("raises no text", function() error({ code = 7 }) end)
end)
LUA
echo 'os.exit(0)' >"$broken/spec/b_spec.lua"
echo 'local x = = 1' >"$broken/spec/c_spec.lua"
echo 'error("while it loads")' >"$broken/spec/d_spec.lua"
echo 'describe("e", function() it("is reached", function() assert.is_true(true) end) end)' >"$broken/spec/e_spec.lua"

spec() { "$DUNITE" spec "$@" 2>&1; }

said=$(spec "$broken" -o plainTerminal)
is "what breaks fails the run" $? 1
has "what stands in a file after it runs" "$said" '^1 success / 0 failures / 6 errors'
has "os.exit is that spec's error" "$said" 'a_spec.lua:2: os.exit\(0\) in a spec would end all others'
has "also while a file loads" "$said" 'b_spec.lua:1: os.exit\(0\)'
has "memory that runs out is that spec's error" "$said" 'not enough memory'
has "so is what does not compile" "$said" "c_spec.lua:1: unexpected symbol near '='"
has "and what raises while it loads" "$said" 'd_spec.lua:1: while it loads'

check "all that is good is fine" spec "$good"
has "-o TAP" "$(spec "$good" -o TAP)" '^ok 1 - good is fast'
has "-o junit" "$(spec "$good" -o junit)" '<testsuites .*tests=.3.'
is "-o json" "$(spec "$good" -o json | python3 -c 'import json, sys; d = json.load(sys.stdin); print(len(d["successes"]), len(d["pendings"]))')" "2 1"
has "-o gtest" "$(spec "$good" -o gtest)" '3 tests from 1 test file ran'
has "--filter" "$(spec "$good" --filter=slow)" '^1 success'
has "--filter-out" "$(spec "$good" --filter-out=slow)" '^1 success'
has "--tags" "$(spec "$good" --tags=fast)" '^1 success'
has "--exclude-tags" "$(spec "$good" --exclude-tags=fast)" '^1 success'
is "--repeat" "$(spec "$good" --repeat=3 | grep -c '^2 successes')" 3
has "--shuffle" "$(spec "$good" --shuffle --seed=7)" '^2 successes'
has "--list" "$(spec "$good" --list)" 'good_spec.lua:2: good is fast'
has "--pattern" "$(spec "$good" --pattern=nothing)" '^0 successes'
has "--suppress-pending" "$(spec "$good" --suppress-pending)" '0 pending'
is "--version" "$(spec "$good" --version)" 2.1.1
