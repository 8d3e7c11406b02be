local function limiter() return native.limiter("downloads") end

return {
  ["a lease is given back once, by hand"] = function()
    local lease = limiter():acquire("ada", 1, -1)
    eq(1, (limiter():look("ada")))
    local none, denied = limiter():acquire("ada", 1, -1)
    eq(nil, none)
    eq("Concurrency", denied.variant)
    eq(denial_meta, getmetatable(denied))
    local line = 'dunite_limit_denials_total{limit="downloads",variant="Concurrency"} 1'
    assert(native.metrics():find(line, 1, true), native.metrics())
    lease:release()
    lease:release()
    eq(0, (limiter():look("ada")))
    local again <close> = limiter():acquire("ada", 1, -1)
    eq(1, (limiter():look("ada")))
  end,
  ["leaving its scope gives it back, also by an error"] = function()
    do
      local lease <close> = limiter():acquire("ada", 1, -1)
      eq(1, (limiter():look("ada")))
      assert(lease)
    end
    eq(0, (limiter():look("ada")))
    pcall(function()
      local lease <close> = limiter():acquire("ada", 1, -1)
      error("out")
    end)
    eq(0, (limiter():look("ada")))
  end,
  ["released, closed and collected in any order is harmless"] = function()
    do
      local lease <close> = limiter():acquire("ada", 1, -1)
      lease:release()
      lease:refund()
    end
    collectgarbage()
    eq(0, (limiter():look("ada")))
  end,
  ["the cap of the day denies, and says for how long"] = function()
    for _ = 1, 2 do limiter():acquire("ada", -1, 2):release() end
    local none, denied = limiter():acquire("ada", -1, 2)
    eq(nil, none)
    eq("DailyCap", denied.variant)
    eq(12 * 3600, denied.reset_in_secs)
    local running, counted, left = limiter():look("ada")
    eq(0, running)
    eq(2, counted)
    eq(12 * 3600, left)
  end,
  ["a refund gives the count back, once"] = function()
    local lease <close> = limiter():acquire("ada", -1, 2)
    limiter():acquire("ada", -1, 2):release()
    lease:refund()
    lease:refund()
    local running, counted = limiter():look("ada")
    eq(1, running)
    eq(1, counted)
  end,
  ["a slot alone is not counted"] = function()
    limiter():acquire("ada", 1, 0, { slot_only = true }):release()
    eq(0, (select(2, limiter():look("ada"))))
  end,
  ["pieces of one share hold one slot"] = function()
    local options = { share = "k", cover = 600000 }
    local a <close> = limiter():acquire("ada", 1, 1, options)
    local b <close> = limiter():acquire("ada", 1, 1, options)
    assert(a and b)
    eq(1, (select(2, limiter():look("ada"))))
  end,
  ["who queues gets the slot that comes free"] = function()
    local first = limiter():acquire("ada", 1, -1)
    local got = native.all {
      function() return limiter():acquire("ada", 1, -1, { wait = 60000 }) end,
      function() first:release() return true end,
    }
    local lease <close> = got[1][1]
    assert(lease, "denied")
    eq(1, (limiter():look("ada")))
  end,
  ["a wait for a slot ends in a denial"] = function()
    local lease <close> = limiter():acquire("ada", 1, -1)
    assert(lease)
    local none, denied = limiter():acquire("ada", 1, -1, { wait = 0 })
    eq(nil, none)
    eq("Concurrency", denied.variant)
  end,
  ["misuse raises"] = function()
    raises("concurrency is a number from 0 on", limiter().acquire, limiter(), "ada", -2, 1)
    raises("number expected", limiter().acquire, limiter(), "ada", 1)
    raises('no option "queue"', limiter().acquire, limiter(), "ada", 1, 1, { queue = true })
    raises("slot_only must be true or false", limiter().acquire, limiter(), "ada", 1, 1, { slot_only = 1 })
  end,
}
