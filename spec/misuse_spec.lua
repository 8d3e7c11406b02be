-- Bad input to flights and limits: each a clear error of the right kind, nothing stuck, nothing lost.

local dunite = require "dunite"
local limits = require "dunite.limits"
local native = require "dunite.native"
local t = require "dunite.test"

local flights = native.flights "first"

local function nothing() end

describe("a flight's key", function()
  after_each(function() assert.equal(0, flights:in_flight()) end)

  it("is a string: nil, numbers and tables raise", function()
    for _, key in ipairs { 1, true, { "k" }, 1.5 } do
      assert.error_matches(function() flights:run(key, nothing) end, "string expected, got " .. type(key))
    end
    assert.error_matches(function() flights:run(nil, nothing) end, "string expected, got n")
  end)

  it("may be a mebibyte long, and is compared to its end", function()
    local long, runs = ("k"):rep(1 << 20), 0
    local function operation()
      runs = runs + 1
      native.clock.sleep(0)
      return runs
    end
    native.all {
      function() flights:run(long .. "a", operation) end,
      function() flights:run(long .. "b", operation) end,
      function() flights:run(long .. "a", operation) end,
    }
    assert.equal(2, runs)
  end)

  it("made of parts cannot be built to collide", function()
    local seen, parts = {}, { "", "a", "b", "1:a", "s1:a", "as:b", "a\0", "\0a", 1, "1", true, "true", false, "s0:" }
    local function add(...)
      local key = dunite.key(...)
      assert.is_nil(seen[key])
      seen[key] = true
    end
    add()
    for _, one in ipairs(parts) do
      add(one)
      for _, two in ipairs(parts) do
        add(one, two)
        for _, three in ipairs(parts) do add(one, two, three) end
      end
    end
  end)

  it("is not made of nil, floats, tables or functions", function()
    for part, name in pairs { [1.5] = "float", [{}] = "table", [print] = "function" } do
      assert.error_matches(function() dunite.key("a", part) end, "not of a " .. name .. " %(part 2%)")
    end
    assert.error_matches(function() dunite.key("a", nil, "b") end, "not of a nil %(part 2%)")
  end)
end)

describe("a flight's options", function()
  it("are refused with what is allowed", function()
    local function run(options)
      return function() flights:run("k", nothing, options) end
    end
    assert.error_matches(run { timeout = "soon" }, "timeout must be an integer")
    assert.error_matches(run { timeout = 1.5 }, "timeout must be an integer")
    assert.error_matches(run { retries = -1 }, "retries are 0 to 100")
    assert.error_matches(run { retries = 1 << 40 }, "retries are 0 to 100")
    assert.error_matches(run { on_abandon = "explode" }, 'on_abandon cannot be "explode"')
    assert.error_matches(run { publish = true }, 'no option "publish"')
    assert.error_matches(function() flights:run("k", "no function") end, "function expected")
    assert.equal(0, flights:in_flight())
  end)

  it("may bound the wait by nothing, or by ages", function()
    local function slow() native.clock.sleep(0) return "there" end
    assert.equal("WaitTimeout", select(2, flights:run("k1", slow, { timeout = 0 })).variant)
    assert.equal("there", flights:run("k2", slow, { timeout = math.maxinteger }))
    t.until_true(function() return flights:in_flight() == 0 end)
  end)
end)

describe("a limit's number", function()
  local turn = 0
  local function acquire(settings)
    turn = turn + 1
    settings.concurrency, settings.daily_cap = settings.concurrency or 1, settings.daily_cap or 1
    return function() return limits.new("first", settings):acquire("misuse" .. turn) end
  end

  it("is a whole number from 0, or unlimited", function()
    for _, absurd in ipairs { -1, -2, math.mininteger, 1.5, 0 / 0, 1 / 0, "many", "", {}, true } do
      assert.error_matches(acquire { concurrency = absurd }, "concurrency gave .*; allowed is a whole number from 0")
      assert.error_matches(acquire { daily_cap = absurd }, "daily_cap gave .*; allowed is a whole number from 0")
    end
  end)

  it("is the same when a function of the member gives it", function()
    local settings = { concurrency = function() return -5 end, daily_cap = 1 }
    local function ask() limits.new("first", settings):acquire { id = "misuse" } end
    assert.error_matches(ask, "concurrency gave %-5; allowed is a whole number from 0")
    settings.concurrency = function() error "no plan" end
    assert.error_matches(ask, "no plan")
    settings.concurrency = nothing
    assert.error_matches(ask, "concurrency gave nil; allowed is")
  end)

  it("may be very large", function()
    local lease <close> = assert(acquire { concurrency = math.maxinteger, daily_cap = math.maxinteger } ())
    local _ = lease
  end)

  it("is checked when the deployment loads, with its place", function()
    for _, absurd in ipairs { "-1", "1.5", "'lots'", "{}" } do
      local fine, raised = pcall(t.app, { files = { ["dunite.lua"] = ([[
        return require "dunite".deployment {
          limits = { few = { daily_cap = %s } } }]]):format(absurd) } })
      assert.is_false(fine)
      assert.matches("dunite.lua:2: limits.few.daily_cap: found ", tostring(raised))
    end
  end)

  it("takes no subject that is none, or that has a NUL in it", function()
    local limit = native.limiter "first"
    assert.error_matches(function() limit:acquire(7, 1, 1) end, "string expected, got number")
    assert.error_matches(function() limit:acquire(nil, 1, 1) end, "string expected, got nil")
    assert.error_matches(function() limit:acquire("ada\0b", 1, 1) end, "no NUL")
    assert.error_matches(function() limit:look("ada\0b") end, "no NUL")
  end)
end)

describe("a cap that is changed to below the present count", function()
  it("denies until it is above it again; what was granted stays granted", function()
    local cap = 5
    local limit = limits.new("first", { concurrency = 9, daily_cap = function() return cap end })
    local ada = { id = "a changed cap" }
    local leases = { assert(limit:acquire(ada)), assert(limit:acquire(ada)), assert(limit:acquire(ada)) }
    cap = 2
    local _, denied = limit:acquire(ada)
    assert.equal("DailyCap", denied.variant)
    assert.same({ 3, 3, 2 }, { limit:look(ada).used, limit:look(ada).running, limit:look(ada).limit })
    cap = 4
    assert(limit:acquire(ada)):release()
    assert.equal("DailyCap", select(2, limit:acquire(ada)).variant)
    for _, lease in ipairs(leases) do lease:release() end
    assert.equal(0, limit:look(ada).running)
  end)
end)

local ONE = {
  ["dunite.lua"] = [[
    local dunite, answer = require "dunite", require "dunite.answer"
    return dunite.deployment {
      limits = { few = { concurrency = 1, daily_cap = 1 } },
      routes = function(app)
        app:get("/take", function()
          local lease <close>, problem = app.limits.few:acquire("ada")
          return answer.text(lease and "granted" or problem.variant)
        end)
      end,
    }]],
}

local function take(app) return app:get("/take").body end

describe("a clock that goes backwards", function()
  it("finds that day's count, and never tells less than a second to midnight", function()
    local app = t.app { at = "2026-01-31T23:59:59Z", files = ONE }
    assert.same({ "granted", "DailyCap" }, { take(app), take(app) })
    t.clock:set "2026-02-01T00:00:00Z"
    assert.same({ "granted", "DailyCap" }, { take(app), take(app) })
    t.clock:set "2026-01-31T12:00:00Z"
    assert.equal("DailyCap", take(app))
    t.clock:set "1969-12-31T23:59:59Z"
    assert.same({ "granted", "DailyCap" }, { take(app), take(app) })
    t.clock:set "2026-02-01T23:59:59Z"
    assert.equal("DailyCap", take(app))
  end)
end)

describe("a counter's ledger", function()
  local function starts_with(folder)
    return pcall(t.app, { files = ONE, data_dir = folder })
  end

  it("that is no database keeps the engine from starting, and is named", function()
    local folder = native.spec.temp()
    native.spec.write(folder .. "/counts.db", ("this is no database, whatever its name says. "):rep(200))
    local fine, raised = starts_with(folder)
    assert.is_false(fine)
    assert.matches("counts%.db", tostring(raised))
    assert.matches("not a database", tostring(raised))
    native.spec.remove(folder)
  end)

  it("that is a folder keeps the engine from starting, and is named", function()
    local folder = native.spec.temp()
    native.spec.write(folder .. "/counts.db/file", "")
    local fine, raised = starts_with(folder)
    assert.is_false(fine)
    assert.matches("counts%.db", tostring(raised))
    native.spec.remove(folder)
  end)

  it("that fails while it runs is Store, no denial and no grant; then it goes on", function()
    local app = t.app { files = ONE }
    app:fault("ledger.commit", 5)
    assert.same({ "Store", "Store" }, { take(app), take(app) })
    app:fault("ledger.commit", 0, 0)
    assert.same({ "granted", "DailyCap" }, { take(app), take(app) })
  end)

  it("that somebody else has keeps a second engine from starting; the first goes on", function()
    local folder = native.spec.temp()
    local first = t.app { files = ONE, data_dir = folder }
    local fine, raised = starts_with(folder)
    assert.is_false(fine)
    assert.matches("in use", tostring(raised))
    assert.equal("granted", take(first))
    first:stop()
    assert.equal("DailyCap", take(t.app { files = ONE, data_dir = folder }))
  end)
end)
