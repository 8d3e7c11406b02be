local native = require "dunite.native"
local dunite = require "dunite"
local errors = require "dunite.errors"
local t = require "dunite.test"

local flights = native.flights "first"
local turn = 0
local function key()
  turn = turn + 1
  return dunite.key("single_flight_spec", turn)
end

-- Runs the same operation n times at once; what each got.
local function cohort(n, name, operation, options)
  local calls = {}
  for i = 1, n do calls[i] = function() return flights:run(name, operation, options) end end
  return native.all(calls)
end

describe("SingleFlight", function()
  it("runs once for all who come while it runs, and each gets a clone", function()
    local runs, name = 0, key()
    local results = cohort(50, name, function()
      runs = runs + 1
      native.clock.sleep(0)
      return { answer = 42 }
    end)
    assert.equal(1, runs)
    for i, result in ipairs(results) do
      assert.same({ answer = 42 }, result[1])
      assert.is_false(i > 1 and rawequal(result[1], results[1][1]))
    end
  end)

  it("keeps neither a success nor a failure", function()
    local runs, name = 0, key()
    local function operation()
      runs = runs + 1
      if runs == 1 then return nil, errors.new "Transport" end
      return runs
    end
    assert.equal("Transport", select(2, flights:run(name, operation)).variant)
    assert.equal(2, flights:run(name, operation))
    assert.equal(3, flights:run(name, operation))
    assert.equal(0, flights:in_flight())
  end)

  it("gives every member of a failing flight the same error", function()
    local name = key()
    local results = cohort(1000, name, function()
      native.clock.sleep(0)
      return nil, errors.new("Upstream", { status = 503, message = "so it is" })
    end)
    for _, result in ipairs(results) do
      assert.is_nil(result[1])
      assert.same({ "Upstream", 503, "so it is" }, { result[2].variant, result[2].status, result[2].message })
    end
  end)

  it("keeps keys apart: a slow one delays no other", function()
    local slow, fast, released = key(), key(), false
    local results = native.all {
      function()
        return flights:run(slow, function()
          while not released do native.clock.sleep(1) end
          return "slow"
        end)
      end,
      function()
        local got = flights:run(fast, function() return "fast" end)
        released = true
        return got
      end,
    }
    assert.same({ "slow", "fast" }, { results[1][1], results[2][1] })
  end)

  it("shows what is published to those who wait and who come later, while it goes on", function()
    local name, finish, seen = key(), false, {}
    native.all {
      function()
        seen[1] = flights:run(name, function(publish)
          publish("early")
          while not finish do native.clock.sleep(1) end
          return "late"
        end)
      end,
      function()
        native.clock.sleep(0)
        seen[2] = flights:run(name, function() return "a second flight" end)
        finish = true
      end,
    }
    assert.same({ "early", "early" }, seen)
    t.until_true(function() return flights:in_flight() == 0 end)
  end)

  it("turns what an operation raises into an error of the flight", function()
    local value, problem = flights:run(key(), function() error("broken policy") end)
    assert.is_nil(value)
    assert.equal("Script", problem.variant)
    assert.matches("broken policy", problem.message)
    assert.equal(0, flights:in_flight())
  end)

  it("keeps the kind of a problem that is raised", function()
    local _, problem = flights:run(key(), function() error(errors.new "Io") end)
    assert.equal("Io", problem.variant)
  end)

  it("bounds a caller's wait, and goes on", function()
    local name, finish = key(), false
    local results = native.all {
      function()
        return flights:run(name, function()
          while not finish do native.clock.sleep(1) end
          return "done"
        end)
      end,
      function()
        local value, problem = flights:run(name, function() return "other" end, { timeout = 1 })
        finish = true
        return value, problem
      end,
    }
    assert.equal("WaitTimeout", results[2][2].variant)
    assert.equal("done", results[1][1])
  end)

  it("tries again after what can be tried again, and after nothing else", function()
    local runs = 0
    local function failing(kind)
      return function()
        runs = runs + 1
        return nil, errors.new(kind)
      end
    end
    assert.equal("Transport", select(2, flights:run(key(), failing "Transport", { retries = 1 })).variant)
    assert.equal(2, runs)
    runs = 0
    flights:run(key(), failing "NotFound", { retries = 1 })
    assert.equal(1, runs)
  end)

  it("says no to a join that waits for itself", function()
    local name = key()
    local value, problem = flights:run(name, function()
      return flights:run(name, function() return "inner" end)
    end)
    assert.is_nil(value)
    assert.is_not_nil(problem)
    assert.equal(0, flights:in_flight())
  end)

  it("refuses a value that cannot cross", function()
    local value, problem = flights:run(key(), function() return { inner = print } end)
    assert.is_nil(value)
    assert.equal("Script", problem.variant)
  end)

  it("has composite keys that cannot collide", function()
    assert.are_not.equal(dunite.key("a", "bc"), dunite.key("ab", "c"))
    assert.are_not.equal(dunite.key("1"), dunite.key(1))
    assert.are_not.equal(dunite.key("a", ""), dunite.key("a"))
    assert.equal(dunite.key("a", 1, true), dunite.key("a", 1, true))
  end)
end)
