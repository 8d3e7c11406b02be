-- A deployment with two workers that run what a spec sends them, each piece on the worker it is meant for. Pieces meet
-- by records, which all workers see: `put` a mark, `await` one (others go on meanwhile), or `stall` until it is there,
-- which holds the whole worker up: its mails and timers wait.

local native = require "dunite.native"
local t = require "dunite.test"

local M = {}

local FILES = {
  ["dunite.lua"] = [[
    return require "dunite".deployment {
      limits = { few = { concurrency = 1, daily_cap = 1 }, many = { concurrency = 7, daily_cap = 10 } },
      flights = { "work" }, budget = { instructions = 1000000000000 }, catalog = {}, routes = "routes",
    }]],
  ["routes.lua"] = [[
    local native, answer = require "dunite.native", require "dunite.answer"
    local errors, limits = require "dunite.errors", require "dunite.limits"

    local function get(mark) return native.records:get("marks", mark) end
    local function put(mark, value) assert(native.records:put("marks", mark, tostring(value or 1))) end
    local function await(mark) while not get(mark) do native.clock.sleep(1) end end
    local function stall(mark) while not get(mark) do end end

    return function(app)
      local function run(request)
        local given = setmetatable({
          native = native, errors = errors, limits = app.limits, new_limit = limits.new, flights = app.flights.work,
          get = get, put = put, await = await, stall = stall, worker = native.worker(),
        }, { __index = _G })
        return assert(load(request.exchange:body(65536), "=piece", "t", given))()
      end

      app:post("/on/:worker", function(req)
        if native.worker() ~= math.tointeger(req.params.worker) then return answer.text("the other one", 421) end
        local value, problem = run(req)
        return answer.json { value = value, problem = problem and {
          variant = problem.variant, message = problem.message, status = problem.status,
          retry_after = problem.retry_after,
        } }
      end)
    end]],
}

---@class dunite.test.TwoWorkers
local Workers = {}
Workers.__index = Workers

--- Runs the piece there; what it gave. The kernel chooses who accepts a connection, so it may take a few.
---@async
---@return any value, table? problem
function Workers:on(worker, piece, ...)
  local body = self.head .. piece:format(...)
  for _ = 1, 200 do
    local response = self.app:request("POST", "/on/" .. worker, { body = body })
    if response.status ~= 421 then
      if response.status ~= 200 then
        local logged = self.app:logged("ERROR")
        error(("on worker %d: %s"):format(worker, logged[#logged] or response.body), 2)
      end
      local got = response:json()
      return got.value, got.problem
    end
  end
  error("worker " .. worker .. " takes no connection", 2)
end

--- Runs a piece on each at once: { value, problem } of worker 0, then of worker 1.
---@async
function Workers:both(zero, one)
  local out = {}
  for i, each in ipairs(native.all {
    function() return self:on(0, zero) end,
    function() return self:on(1, one or zero) end,
  }) do
    out[i] = each
  end
  return out
end

--- Marks and keys of their own for the next test.
function Workers:anew()
  self.turn = self.turn + 1
  self.head = ([[
    local function own(mark) return %d .. ":" .. mark end
    local put, get = function(mark, value) put(own(mark), value) end, function(mark) return get(own(mark)) end
    local await, stall = function(mark) await(own(mark)) end, function(mark) stall(own(mark)) end
    local function fly(key, operation, options) return flights:run(own(key), operation, options) end
    local function never() error "a second run" end
    local ada = own "ada"
    -- Both are there, then both go on in the same instant.
    local function meet(mark)
      put(mark .. worker)
      await(mark .. 1 - worker)
      put(mark .. "!" .. worker)
      stall(mark .. "!" .. 1 - worker)
    end
  ]]):format(self.turn)
end

--- settings go over the deployment's.
---@return dunite.test.TwoWorkers
function M.start(settings)
  local options = { at = false, workers = 2, members = false, files = FILES }
  for key, value in pairs(settings or {}) do options[key] = value end
  local self = setmetatable({ app = t.app(options), turn = 0 }, Workers)
  self:anew()
  return self
end

return M
