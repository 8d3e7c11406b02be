-- The primitives as a script meets them: GET /figures gives "NAME VALUE", one a line.

local dunite = require "dunite"
local answer = require "dunite.answer"
local native = require "dunite.native"

local RUNS, COHORT, COHORTS = 200000, 1000, 100

-- CPU seconds of the process: steadier on a machine that others share than the clock.
local now = os.clock

local function figures(app)
  local flights, limit, lines = app.flights.work, app.limits.slots, {}

  local function measure(name, times, act)
    local start = now()
    act()
    lines[#lines + 1] = ("%s %.1f"):format(name, (now() - start) * 1000000000 / times)
  end

  measure("lua.flight_run_ns", RUNS, function()
    local function operation() end
    for _ = 1, RUNS do flights:run("a key of some length", operation) end
  end)

  measure("lua.flight_waiter_ns", COHORT * COHORTS, function()
    for _ = 1, COHORTS do
      local waiters = {}
      local function ask()
        return flights:run("a key of some length", function() native.clock.sleep(0) end)
      end
      for i = 1, COHORT do waiters[i] = ask end
      native.all(waiters)
    end
  end)

  -- The part of it that is no flight: a task that waits once, and its entry among the results.
  measure("lua.task_that_waits_ns", COHORT * COHORTS, function()
    local waiters = {}
    for i = 1, COHORT do waiters[i] = function() native.clock.sleep(0) end end
    for _ = 1, COHORTS do native.all(waiters) end
  end)

  measure("lua.slot_ns", RUNS, function()
    for _ = 1, RUNS do limit:acquire_concurrency_only("ada@example.com"):release() end
  end)

  measure("lua.slot_and_day_ns", RUNS, function()
    for _ = 1, RUNS do limit:acquire("ada@example.com"):release() end
  end)
  return table.concat(lines, "\n") .. "\n"
end

return dunite.deployment {
  name = "micro",
  listen = { "127.0.0.1:0" },
  workers = 1,
  budget = { instructions = 1000000000000 },
  flights = { "work" },
  limits = { slots = { concurrency = 10, daily_cap = "unlimited" } },
  routes = function(app)
    app:get("/figures", function() return answer.text(figures(app)) end)
  end,
}
