-- What `dunite spec` gives to specs: doubles of luassert, on all that the API hands out.

local dunite = require "dunite"
local native = require "dunite.native"

describe("spy and stub", function()
  it("stand in for a method of an object of the engine's", function()
    local flights = native.flights "first"
    local found = stub(flights, "run", "in place of it")
    assert.equal("in place of it", flights:run("key", function() return "the operation" end))
    assert.stub(found).was_called_with(flights, "key", match.is_function())
    found:revert()
    assert.equal("the operation", flights:run("key", function() return "the operation" end))
  end)

  it("stand in for it in that object only", function()
    local flights, others = native.flights "first", native.flights "second"
    local counted = stub(flights, "in_flight", 7)
    assert.same({ 7, 0 }, { flights:in_flight(), others:in_flight() })
    counted:revert()
    assert.equal(0, flights:in_flight())
  end)

  it("look on while it is done", function()
    local limiter = native.limiter "first"
    local acquire = spy.on(limiter, "acquire")
    local lease <close> = limiter:acquire("spied on", 1, 1)
    assert.spy(acquire).was_called(1)
    assert.is_truthy(lease)
  end)

  it("stand in for what modules give", function()
    local found = stub(dunite.records, "get", "a text")
    assert.equal("a text", dunite.records:get("any", "thing"))
    found:revert()
    assert.is_nil(dunite.records:get("any", "thing"))
  end)
end)
