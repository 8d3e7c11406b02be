return {
  ["all run, and each has its entry"] = function()
    local got = native.all {
      function() return 1 end,
      function() return nil, "why" end,
      function() turn(0) return "late", "both", "third" end,
      function() end,
    }
    eq(4, #got)
    eq(1, got[1][1])
    eq(nil, got[1][2])
    eq(nil, got[2][1])
    eq("why", got[2][2])
    eq("late", got[3][1])
    eq("both", got[3][2])
    eq(nil, got[4][1])
    eq(0, #native.all {})
  end,
  ["they wait at the same time"] = function()
    local arrived = 0
    local function meet()
      arrived = arrived + 1
      while arrived < 3 do turn(0) end
      return true
    end
    for _, got in ipairs(native.all { meet, meet, meet }) do eq(true, got[1]) end
  end,
  ["a raise is that entry's problem, and no other's"] = function()
    local raised = setmetatable({ variant = "Timeout", message = "slow" }, error_meta)
    local got = native.all {
      function() error("broken") end,
      function() error(raised) end,
      function() return "fine" end,
      function() while true do pcall(error) end end,
    }
    eq("Script", got[1][2].variant)
    assert(got[1][2].message:find("broken", 1, true))
    eq("Timeout", got[2][2].variant)
    eq("fine", got[3][1])
    eq("Script", got[4][2].variant)
  end,
  ["handles may be handed over within the state"] = function()
    local limiter = native.limiter("downloads")
    local got = native.all { function() return limiter:acquire("ada", 1, -1) end }
    eq(1, (limiter:look("ada")))
    got[1][1]:release()
    eq(0, (limiter:look("ada")))
  end,
  ["misuse raises"] = function()
    raises("number 2 is a string", native.all, { print, "x" })
    raises("table expected", native.all)
    raises("more than 1000", native.all, setmetatable({}, { __len = function() return 5 end }) and (function()
      local many = {}
      for i = 1, 1001 do many[i] = print end
      return many
    end)())
  end,
}
