-- However an operation dies: no flight stays, each member of its cohort gets the one right error, and every lease is
-- back. Two workers: one leads, the other one waits.

local t = require "dunite.test"

local workers = dofile(t.root .. "/support/two_workers.lua").start {
  budget = { instructions = 20000000, memory = "64MiB" },
}

before_each(function() workers:anew() end)

local function left()
  return workers:on(0, [[
    return { flights:in_flight(), limits.many:look(ada).running, limits.few:look(ada).running }]])
end

-- The operation dies by `death` while it holds leases, with a waiter on each worker: what both were told.
local function die(death)
  local got = workers:both(([[
    local _, problem = fly("k", function()
      local one <close>, two = assert(limits.few:acquire(ada)), assert(limits.many:acquire(ada))
      put "up"
      await "joined"
      %s
      return one, two
    end)
    put "over"
    return { problem.variant, problem.message }]]):format(death), [[
    await "up"
    local told
    native.all {
      function()
        local _, problem = fly("k", never)
        told = { problem.variant, problem.message }
      end,
      function() put "joined" end,
    }
    return told]])
  t.until_true(function()
    local now = left()
    return now[1] == 0 and now[2] == 0 and now[3] == 0
  end)
  assert.same(got[1][1], got[2][1])
  assert.equal(2, #got[1][1])
  return table.unpack(got[1][1])
end

describe("an operation that dies", function()
  it("by a Lua error is Script, with the place", function()
    local variant, message = die 'error "broken policy"'
    assert.equal("Script", variant)
    assert.matches("piece:%d+: broken policy", message)
  end)

  it("by an error that is no text is Script", function()
    assert.equal("Script", (die "error({})"))
  end)

  it("by a problem that is raised keeps its kind", function()
    assert.equal("Io", (die "error(errors.new 'Io')"))
  end)

  it("by its budget is Script", function()
    local variant, message = die "while true do end"
    assert.equal("Script", variant)
    assert.matches("over its budget of 20000000 instructions", message)
  end)

  it("by its budget is Script, also when it catches that", function()
    local variant, message = die "while true do pcall(function() while true do end end) end"
    assert.equal("Script", variant)
    assert.matches("over its budget", message)
  end)

  it("by its budget is Script, also when it spends it in many coroutines", function()
    local variant, message = die [[
      while true do coroutine.wrap(function() for _ = 1, 100 do pcall(error) end end)() end]]
    assert.equal("Script", variant)
    assert.matches("over its budget", message)
  end)

  it("by its memory is Memory, and its worker goes on", function()
    assert.equal("Memory", (die [[
      local hoard = {}
      for i = 1, 1000000 do hoard[i] = ("x"):rep(1000) .. i end]]))
    assert.equal("fine", workers:on(0, "return 'fine'"))
  end)

  it("by a coroutine of its own that is closed under its lease gives the lease back", function()
    local variant, message = die [[
      local held = coroutine.create(function()
        local lease <close> = assert(limits.many:acquire_concurrency_only(ada))
        coroutine.yield(lease)
      end)
      assert(coroutine.resume(held))
      assert(limits.many:look(ada).running == 2)
      assert(coroutine.close(held))
      assert(limits.many:look(ada).running == 1)
      error "then it died"]]
    assert.equal("Script", variant)
    assert.matches("then it died", message)
  end)

  it("where Lua cannot wait is Script, and says so", function()
    for _, where in ipairs {
      'table.sort({ 1, 2, 3 }, function() native.clock.sleep(0) end)',
      'string.gsub("abc", ".", function() native.clock.sleep(0) end)',
    } do
      local variant, message = die(where)
      assert.equal("Script", variant)
      assert.matches("cannot wait here", message)
      workers:anew()
    end
  end)
end)

describe("an operation that nobody wants any more", function()
  it("is cancelled: <close> and pcall handlers run, and whatever it does it ends", function()
    local marks = workers:on(0, [[
      local function operation()
        local _ <close> = setmetatable({}, { __close = function() put "closed" end })
        local lease <close> = assert(limits.few:acquire_concurrency_only(ada)) -- without a wait: the sleep is the first
        local fine, raised = pcall(native.clock.sleep, 3600000)
        put("caught", tostring(fine) .. " " .. tostring(raised.variant))
        native.clock.sleep(3600000) -- it does not mind, and is cancelled again
        put "not reached"
        return lease
      end
      local _, problem = fly("k", operation, { timeout = 5 })
      while flights:in_flight() > 0 do native.clock.sleep(1) end
      return { problem.variant, get "caught", get "closed" or "no", get "not reached" or "no" }]])
    assert.same({ "WaitTimeout", "false Cancelled", "1", "no" }, marks)
    assert.same({ 0, 0, 0 }, left())
  end)
end)

describe("a request that dies", function()
  it("gives its leases back, however it ends", function()
    for _, death in ipairs { 'error "broken"', "while true do pcall(error) end" } do
      assert.error(function()
        workers:on(1, "local lease = assert(limits.many:acquire(ada)) " .. death .. " return lease")
      end)
      t.until_true(function() return left()[2] == 0 end)
    end
  end)
end)

describe("code that spends its budget while it loads", function()
  it("does not start, and says where", function()
    local fine, raised = pcall(t.app, {
      files = { ["dunite.lua"] = [[
        local dunite = require "dunite"
        while true do pcall(function() while true do end end) end
        return dunite.deployment {}]] },
    })
    assert.is_false(fine)
    assert.matches("dunite.lua:2: over its budget", tostring(raised))
  end)
end)

describe("a worker that shuts down", function()
  it("ends the flights it leads as Cancelled, and the answers are 503", function()
    local ending = dofile(t.root .. "/support/two_workers.lua").start { drain = 0 }
    local statuses = {}
    local function ask(worker, piece)
      for _ = 1, 200 do
        local response, problem = ending.app:try("POST", "/on/" .. worker, { body = ending.head .. piece })
        local status = response and response.status or problem.variant
        if status ~= 421 then
          statuses[#statuses + 1] = status
          return
        end
      end
    end
    t.together {
      function() ask(0, "local _, p = fly('k', function() put 'up' native.clock.sleep(3600000) end) error(p)") end,
      function()
        ask(1, [[
          await 'up'
          local made = native.all { function() return fly('k', never) end, function() put 'in' end }
          error(made[1][2])]])
      end,
      function()
        t.until_true(function() return ending:on(1, "return get 'in'") end)
        ending.app:stop()
      end,
    }
    assert.same({ 503, 503 }, statuses)
  end)
end)
