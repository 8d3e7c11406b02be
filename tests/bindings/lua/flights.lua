local function flights() return native.flights("reports") end

-- Runs the functions at once and gives what each gave.
local function together(...) return native.all { ... } end

return {
  ["callers of one key share one run"] = function()
    local runs = 0
    local function ask()
      return flights():run("k", function()
        runs = runs + 1
        turn(0)
        return { n = runs }
      end)
    end
    local got = together(ask, ask, ask)
    eq(1, runs)
    for i = 1, 3 do eq(1, got[i][1].n) end
    assert(not rawequal(got[1][1], got[2][1]))
    eq(0, flights():in_flight())
    eq(2, ask().n)
  end,
  ["another key runs by itself"] = function()
    local runs = 0
    local function ask(key)
      return function() return flights():run(key, function() runs = runs + 1 turn(0) return key end) end
    end
    local got = together(ask("a"), ask("b"))
    eq(2, runs)
    eq("a", got[1][1])
    eq("b", got[2][1])
  end,
  ["neither a value nor a failure is kept"] = function()
    local runs = 0
    for i = 1, 3 do
      local value, problem = flights():run("k", function()
        runs = runs + 1
        if i == 2 then error("dead") end
        return runs
      end)
      eq(i ~= 2 and i or nil, value)
      eq(i == 2 and "Script" or nil, problem and problem.variant)
      eq(0, flights():in_flight())
    end
  end,
  ["every member of a cohort gets the error"] = function()
    local asks = {}
    for i = 1, 100 do
      asks[i] = function() return flights():run("k", function() turn(0) error("dead") end) end
    end
    for _, got in ipairs(native.all(asks)) do
      eq(nil, got[1])
      eq("Script", got[2].variant)
      assert(got[2].message:find("dead", 1, true))
    end
    eq(0, flights():in_flight())
  end,
  ["a flight that has published answers at once, and keeps its key until it is over"] = function()
    local go_on, finished = false, false
    local function operation(publish)
      publish { early = true }
      raises("has published already", publish, 2)
      while not go_on do turn(0) end
      finished = true
      return "late"
    end
    assert(flights():run("k", operation).early)
    eq(false, finished)
    eq(1, flights():in_flight())
    assert(flights():run("k", function() error("a second run") end).early)
    go_on = true
    while flights():in_flight() > 0 do turn(0) end
    eq(true, finished)
  end,
  ["publish is dead once its operation is"] = function()
    local kept
    flights():run("k", function(publish) kept = publish end)
    raises("the operation has ended", kept, 1)
  end,
  ["what cannot cross cannot be published"] = function()
    local value, problem = flights():run("k", function(publish) publish(print) end)
    eq(nil, value)
    assert(problem.message:find("a function cannot cross", 1, true))
  end,
  ["a flight that waits for itself is an error, however far round"] = function()
    local value, problem = flights():run("a", function() return flights():run("a", print) end)
    eq(nil, value)
    eq("Script", problem.variant)
    assert(problem.message:find("wait for itself", 1, true))
    value, problem = flights():run("a", function()
      return flights():run("b", function()
        return table.unpack(native.all { function() return flights():run("a", print) end }[1], 1, 2)
      end)
    end)
    eq(nil, value)
    eq("Script", problem.variant)
    eq(0, flights():in_flight())
  end,
  ["a flight may run another one"] = function()
    eq("inner", (flights():run("a", function() return flights():run("b", function() return "inner" end) end)))
  end,
  ["the operation runs in a task of the phase flight"] = function()
    eq("flight", (flights():run("a", native.phase)))
  end,
  ["an operation over its budget is a Script problem, and leaves no flight"] = function()
    local value, problem = flights():run("k", function() while true do pcall(error) end end)
    eq(nil, value)
    eq("Script", problem.variant)
    eq(0, flights():in_flight())
    eq(1, (flights():run("k", function() return 1 end)))
  end,
  ["wrong options raise"] = function()
    raises('no option "timeOut"; there are: timeout', flights().run, flights(), "k", print, { timeOut = 1 })
    raises('on_abandon cannot be "explode"', flights().run, flights(), "k", print, { on_abandon = "explode" })
    raises("timeout must be an integer", flights().run, flights(), "k", print, { timeout = "10s" })
    raises("retries are 0 to 100", flights().run, flights(), "k", print, { retries = -1 })
    raises("function expected", flights().run, flights(), "k")
    raises("cannot wait here", string.gsub, "a", "a", function() flights():run("k", print) end)
    eq(0, flights():in_flight())
  end,
}
