local limits = require "dunite.limits"

local ada, bob = { id = "ada", plan = 1 }, { id = "bob", plan = 2 }

-- A subject of its own for each test, so that the day's counts do not meet.
local turn = 0
local function member()
  turn = turn + 1
  return { id = "limits" .. turn }
end

describe("a limit", function()
  it("gives a lease, then says that as many as allowed are running", function()
    local limit, who = limits.new("first", { concurrency = 1, daily_cap = "unlimited" }), member()
    local lease = assert(limit:acquire(who))
    local none, denied = limit:acquire(who)
    assert.is_nil(none)
    assert.equal("Concurrency", denied.variant)
    lease:release()
    assert(limit:acquire(who)):release()
  end)

  it("counts a day, and says how long it still is", function()
    local limit, who = limits.new("first", { concurrency = "unlimited", daily_cap = 1 }), member()
    assert(limit:acquire(who)):release()
    local _, denied = limit:acquire(who)
    assert.equal("DailyCap", denied.variant)
    assert.is_true(denied.reset_in_secs >= 0 and denied.reset_in_secs <= 86400)
  end)

  it("gives the slot back when the day denies", function()
    local limit, who = limits.new("first", { concurrency = 1, daily_cap = 0 }), member()
    for _ = 1, 3 do assert.equal("DailyCap", select(2, limit:acquire(who)).variant) end
    assert.equal(0, limit:look(who).running)
  end)

  it("leaves the day alone where only a slot is wanted", function()
    local limit, who = limits.new("first", { concurrency = 1, daily_cap = 0 }), member()
    assert(limit:acquire_concurrency_only(who)):release()
    assert.equal(0, limit:look(who).used)
  end)

  it("releases once, however often it is asked to", function()
    local limit, who = limits.new("first", { concurrency = 2, daily_cap = "unlimited" }), member()
    local one, two = limit:acquire(who), limit:acquire(who)
    one:release()
    one:release()
    assert.equal(1, limit:look(who).running)
    two:release()
  end)

  it("leaks no slot under the vertical's name for it either", function()
    local OciLimiter = require "dunite.verticals.oci".OciLimiter
    local limit, who = OciLimiter.new("first", { concurrency = 1, daily_cap = 2 }), member()
    for _ = 1, 2 do assert(limit:acquire(who)):release() end
    for _ = 1, 3 do assert.equal("DailyCap", select(2, limit:acquire(who)).variant) end
    assert.equal(0, limit:look(who).running)
  end)

  it("is released by leaving a scope", function()
    local limit, who = limits.new("first", { concurrency = 1, daily_cap = "unlimited" }), member()
    do
      local lease <close> = assert(limit:acquire(who))
      assert.equal(1, limit:look(who).running)
      local _ = lease
    end
    assert.equal(0, limit:look(who).running)
  end)

  it("gives a day's count back once", function()
    local limit, who = limits.new("first", { concurrency = 1, daily_cap = 1 }), member()
    local lease = assert(limit:acquire(who))
    lease:refund()
    lease:refund()
    lease:release()
    assert.equal(0, limit:look(who).used)
  end)

  it("may be a function of the member", function()
    local limit = limits.new("second", { concurrency = function(who) return who.plan end, daily_cap = "unlimited" })
    local one = assert(limit:acquire(ada))
    assert.equal("Concurrency", select(2, limit:acquire(ada)).variant)
    local two, three = assert(limit:acquire(bob)), assert(limit:acquire(bob))
    for _, lease in ipairs { one, two, three } do lease:release() end
  end)

  it("lets the pieces of one download share a slot and a count, and whole requests never", function()
    local limit, who = limits.new("first", { concurrency = 1, daily_cap = 1 }), member()
    local one, two = assert(limit:acquire(who, { share = "a" })), assert(limit:acquire(who, { share = "a" }))
    assert.equal("Concurrency", select(2, limit:acquire(who)).variant)
    assert.same({ 1, 1 }, { limit:look(who).running, limit:look(who).used })
    one:release()
    two:release()
    assert(limit:acquire(who, { share = "a" })):release()
    assert.equal("DailyCap", select(2, limit:acquire(who, { share = "b" })).variant)
  end)

  it("says what is wrong with how it is asked", function()
    local limit = limits.new("second", { concurrency = function() return 1 end, daily_cap = "unlimited" })
    assert.error_matches(function() limit:acquire("ada") end, "concurrency is a function of the member")
    assert.error_matches(function() limit:acquire(ada, { wiat = 1 }) end,
      "acquire has no option 'wiat', did you mean 'wait'%?")
    assert.error_matches(function() limit:acquire(ada, { wait = "soon" }) end, "wait: found soon, allowed is a dura")
    assert.error_matches(function() limit:acquire(7) end, "acquire takes a member or a subject")
  end)

  it("shows what is left", function()
    local limit, who = limits.new("first", { concurrency = 2, daily_cap = 3 }), member()
    local lease <close> = assert(limit:acquire(who))
    local seen = limit:look(who)
    assert.same({ 3, 1, 1 }, { seen.limit, seen.used, seen.running })
    local _ = lease
  end)
end)
