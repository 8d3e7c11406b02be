local errors = require "dunite.errors"
local fresh = require "dunite.fresh"

local known = fresh.new("releases", "releases")
local DAY = 86400000
local turn = 0
local function key()
  turn = turn + 1
  return "fresh_spec@" .. turn
end

local function counting(value, problem)
  local asked = { count = 0, problem = problem }
  function asked.ask()
    asked.count = asked.count + 1
    if asked.problem then return nil, asked.problem end
    return value
  end
  return asked
end

describe("what upstream said", function()
  it("is believed while it is fresh", function()
    local name, asked = key(), counting { "a" }
    for _ = 1, 3 do assert.same({ "a" }, known:get(name, { releases = DAY, stale = DAY }, asked.ask)) end
    assert.equal(1, asked.count)
  end)

  it("is asked for again when it is not", function()
    local name, asked = key(), counting "x"
    for _ = 1, 3 do known:get(name, { releases = 0, stale = 0 }, asked.ask) end
    assert.equal(3, asked.count)
  end)

  it("is still used when upstream cannot be asked, where that is allowed", function()
    local name, asked = key(), counting "x"
    known:get(name, { releases = 0, stale = DAY }, asked.ask)
    asked.problem = errors.new "Transport"
    assert.equal("x", known:get(name, { releases = 0, stale = DAY }, asked.ask))
    local value, problem = known:get(name, { releases = 0, stale = 0 }, asked.ask)
    assert.is_nil(value)
    assert.equal("Transport", problem.variant)
  end)

  it("is forgotten when upstream says that it is gone", function()
    local name, asked = key(), counting "x"
    known:get(name, { releases = 0, stale = DAY }, asked.ask)
    asked.problem = errors.new "NotFound"
    assert.equal("NotFound", select(2, known:get(name, { releases = 0, stale = DAY }, asked.ask)).variant)
    assert.is_nil(known:peek(name))
  end)

  it("is never kept when it is a failure", function()
    local name, asked = key(), counting("x", errors.new "Timeout")
    assert.is_nil((known:get(name, { releases = DAY, stale = DAY }, asked.ask)))
    asked.problem = nil
    assert.equal("x", known:get(name, { releases = DAY, stale = DAY }, asked.ask))
  end)
end)
