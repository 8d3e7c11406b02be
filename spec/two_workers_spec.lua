-- What flights and limits promise across workers, each interleaving forced: a piece runs on the worker it names, and
-- holds it up where the other one is to be first.

local t = require "dunite.test"

local workers = dofile(t.root .. "/support/two_workers.lua").start()

before_each(function() workers:anew() end)

local function idle() return workers:on(0, "return flights:in_flight()") == 0 end

describe("SingleFlight over two workers", function()
  after_each(function() t.until_true(idle) end)

  it("is asked on both of them", function()
    assert.equal(0, workers:on(0, "return worker"))
    assert.equal(1, workers:on(1, "return worker"))
  end)

  it("runs once when both join in the same instant, and each caller gets a clone of the same result", function()
    local piece = [[
      local runs, sum = 0, 0
      for round = 1, 20 do
        local function here(what) return what .. worker .. ":" .. round end
        local function there(what) return what .. 1 - worker .. ":" .. round end
        local calls = {}
        for i = 1, 25 do
          calls[i] = function()
            return fly("k" .. round, function()
              runs = runs + 1
              await(here "joined")
              await(there "joined")
              return { round = round, by = worker }
            end)
          end
        end
        calls[26] = function() put(here "joined") end
        meet("round" .. round .. ":")
        local got = native.all(calls)
        for i = 1, 25 do
          assert(got[i][1].round == round and got[i][1].by == got[1][1].by)
          sum = sum + 1
        end
      end
      return { runs = runs, sum = sum }]]
    local got = workers:both(piece)
    assert.equal(20, got[1][1].runs + got[2][1].runs)
    assert.same({ 500, 500 }, { got[1][1].sum, got[2][1].sum })
  end)

  it("gives every member of a failing cohort the same error, on either worker", function()
    local piece = [[
      local calls = {}
      for i = 1, 500 do
        calls[i] = function()
          return fly("k", function()
            await "joined0"
            await "joined1"
            return nil, errors.new("Upstream", { status = 503, retry_after = 7, message = "so it is" })
          end)
        end
      end
      calls[501] = function() put("joined" .. worker) end
      local equal = 0
      for _, got in ipairs(native.all(calls)) do
        local e = got[2]
        if e and errors.is(e, "Upstream") and e.status == 503 and e.retry_after == 7 and e.message == "so it is" then
          equal = equal + 1
        end
      end
      return equal]]
    local got = workers:both(piece)
    assert.same({ 500, 500 }, { got[1][1], got[2][1] })
  end)

  it("lets a late member of an old cohort remove nothing of a newer flight", function()
    local got = workers:both([[
      local old = fly("k", function() put "up" await "stalled" return "old" end)
      local new = fly("k", function() put "newer" await "late" return "new" end)
      return { old, new }]], [[
      await "up"
      local seen = {}
      native.all {
        function()
          seen.old = fly("k", never) -- comes home only when this worker goes on
          seen.up = flights:in_flight()
          native.all { function() seen.new = fly("k", never) end, function() put "late" end }
        end,
        function() put "stalled" stall "newer" end,
      }
      return seen]])
    assert.same({ "old", "new" }, got[1][1])
    assert.same({ old = "old", up = 1, new = "new" }, got[2][1])
  end)

  it("shows what is published to the other worker at once, and a failure after that to nobody", function()
    local got = workers:both([[
      return fly("k", function(publish)
        publish "early"
        put "published"
        await "joined"
        error "too late"
      end)]], [[
      await "published"
      local first = fly("k", never)
      local up = flights:in_flight()
      put "joined"
      local runs = 0
      repeat -- joiners that come while it fails
        local value, problem = fly("k", function() runs = runs + 1 return "fresh" end)
        assert(value == "early" or value == "fresh", problem and problem.message)
      until value == "fresh"
      return { first, up, runs }]])
    assert.equal("early", got[1][1])
    assert.same({ "early", 1, 1 }, got[2][1])
  end)

  it("loses nothing when the last waiter's time runs out while the flight completes", function()
    local got = workers:both([[
      local _, problem = fly("k", function()
        put "up"
        await "stalled"
        put "completing"
        return "done"
      end, { timeout = 1, on_abandon = "finish" })
      put "gone"
      return problem.variant]], [[
      await "up"
      local outcome
      native.all {
        function()
          local value, problem = fly("k", never, { timeout = 30 })
          outcome = value or problem.variant
        end,
        function()
          await "gone"
          put "stalled"
          stall "completing"
          for _ = 1, 5000000 do end -- its time is over, and the outcome waits in the mailbox
        end,
      }
      return outcome]])
    assert.equal("WaitTimeout", got[1][1])
    assert.is_true(got[2][1] == "done" or got[2][1] == "WaitTimeout")
  end)

  it("goes on when the caller who started it has gone", function()
    local got = workers:both([[
      local function operation() put "up" await "joined" return "for the other" end
      local _, problem = fly("k", operation, { timeout = 1, on_abandon = "finish" })
      put "gone"
      return problem.variant]], [[
      await "up"
      local value
      native.all {
        function() value = fly("k", never) end,
        function() await "gone" put "joined" end,
      }
      return value]])
    assert.same({ "WaitTimeout", "for the other" }, { got[1][1], got[2][1] })
  end)

  it("is an error, not a deadlock, where two workers' flights would wait for each other", function()
    local piece = [[
      local mine, other = worker == 0 and "a" or "b", worker == 0 and "b" or "a"
      local _, problem = fly(mine, function()
        put(mine)
        await(other)
        return fly(other, never)
      end)
      return problem.variant .. ": " .. problem.message]]
    local got = workers:both(piece)
    for i = 1, 2 do assert.matches("^Script: a flight cannot wait for itself, nor for one that waits", got[i][1]) end
  end)

  it("fails the whole cohort when a value cannot cross", function()
    local got = workers:both([[
      local _, problem = fly("k", function() put "up" await "joined" return { inner = { print } } end)
      return problem.variant .. ": " .. problem.message]], [[
      await "up"
      local said
      native.all {
        function()
          local _, problem = fly("k", never)
          said = problem.variant .. ": " .. problem.message
        end,
        function() put "joined" end,
      }
      return said]])
    assert.matches("^Script: .*a function cannot cross", got[1][1])
    assert.equal(got[1][1], got[2][1])
  end)
end)

describe("a limit over two workers", function()
  it("grants as many slots as allowed to those who ask in the same instant", function()
    local piece = [[
      local held, denied = {}, 0
      meet "ready"
      for _ = 1, 50 do
        local lease, problem = limits.many:acquire_concurrency_only(ada)
        if lease then held[#held + 1] = lease else denied = denied + (problem.variant == "Concurrency" and 1 or 0) end
      end
      put("asked" .. worker)
      await("asked" .. 1 - worker)
      return { granted = #held, denied = denied, running = limits.many:look(ada).running }]]
    local got = workers:both(piece)
    assert.equal(7, got[1][1].granted + got[2][1].granted)
    assert.equal(93, got[1][1].denied + got[2][1].denied)
    t.until_true(function() return workers:on(1, "return limits.many:look(ada).running") == 0 end)
  end)

  it("counts a day's grants once, whoever asks", function()
    local piece = [[
      local granted, denied = 0, 0
      meet "ready"
      for _ = 1, 30 do
        local lease <close>, problem = limits.many:acquire(ada)
        if lease then granted = granted + 1 elseif problem.variant == "DailyCap" then denied = denied + 1 end
      end
      return { granted, denied }]]
    local got = workers:both(piece)
    assert.equal(10, got[1][1][1] + got[2][1][1])
    assert.equal(50, got[1][1][2] + got[2][1][2])
    assert.equal(10, workers:on(0, "return limits.many:look(ada).used"))
  end)

  it("hands the slot to who queues on the other worker, and counts the day that it is then", function()
    local app = workers.app
    local got
    t.together {
      function()
        got = workers:both([[
          local lease = assert(limits.few:acquire(ada))
          put "held"
          await "rolled over"
          local used = limits.few:look(ada).used
          lease:release()
          return used]], [[
          await "held"
          local lease, problem
          native.all {
            function() lease, problem = limits.few:acquire(ada, { wait = "1h" }) end,
            function() put "queued" end,
          }
          local seen = limits.few:look(ada)
          lease:release()
          return { problem and problem.variant or "granted", seen.running, seen.used }]])
      end,
      function()
        t.until_true(function() return workers:on(0, "return get 'queued'") end)
        local tomorrow = (os.time() // 86400 + 1) * 86400 * 1000
        app.engine:set_clock(tomorrow + 1000)
        workers:on(0, "put 'rolled over'")
      end,
    }
    assert.equal(0, got[1][1]) -- the new day's, before the other one was granted
    assert.same({ "granted", 1, 1 }, got[2][1])
    app.engine:set_clock(os.time() * 1000)
  end)

  it("charges a grant to the day it asked on, when the day rolls over between slot and count", function()
    local app = workers.app
    local today = os.time() // 86400 * 86400 * 1000
    local tomorrow = today + 86400 * 1000
    local got
    app.engine:set_clock(tomorrow - 3600 * 1000) -- it goes on from there
    app:fault("counter.hold", 1)
    t.together {
      function()
        got = workers:both([[
          local lease = assert(limits.few:acquire(ada))
          put "granted"
          await "looked"
          lease:release()
          local used = limits.few:look(ada).used
          put "released"
          return used]], [[
          await "granted"
          local held = limits.few:look(ada)
          local _, denied = limits.few:acquire(ada)
          put "looked"
          await "released"
          local lease <close> = assert(limits.few:acquire(ada))
          return { running = held.running, used = held.used, denied = denied.variant }]])
      end,
      function()
        t.until_true(function() return workers:on(1, "return limits.few:look(ada).running") == 1 end)
        assert.equal(0, workers:on(1, "return limits.few:look(ada).used")) -- the slot is taken, the count waits
        app.engine:set_clock(tomorrow)
        app:fault("counter.hold", 0)
      end,
    }
    assert.equal(0, got[1][1]) -- of the new day, although it was granted on it
    assert.same({ running = 1, used = 0, denied = "Concurrency" }, got[2][1])
    assert.equal(1, workers:on(0, "return limits.few:look(ada).used")) -- the other worker's, of the new day
    app.engine:set_clock(today + 1)
    local _, problem = workers:on(1, "return limits.few:acquire(ada)")
    assert.equal("DailyCap", problem.variant) -- and the old one's is spent
    app.engine:set_clock(os.time() * 1000)
  end)

  it("leaks no slot when a count cannot be given back, and says so in the log", function()
    workers.app:fault("counter.give_back", 5, 1)
    local used = workers:on(1, [[
      local lease = assert(limits.few:acquire(ada))
      lease:refund()
      lease:release()
      return limits.few:look(ada).used]])
    assert.equal(1, used)
    assert.equal(0, workers:on(0, "return limits.few:look(ada).running"))
    assert.equal(1, #workers.app:logged("could not be given back"))
  end)

  it("is an error that is no denial when the count fails, with the slot back", function()
    workers.app:fault("counter.add", 5, 1)
    local _, problem = workers:on(1, "return limits.few:acquire(ada)")
    assert.equal("Store", problem.variant)
    assert.equal(0, workers:on(0, "return limits.few:look(ada).running"))
    assert.equal("fine", workers:on(1, "local lease <close> = assert(limits.few:acquire(ada)) return 'fine'"))
  end)
end)
