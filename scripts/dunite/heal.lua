-- Small answers from an upstream that is not well just now: what a moment later would go well is asked again before
-- anybody is told. Bodies that stream are gone on with by the engine itself.

local native = require "dunite.native"
local errors = require "dunite.errors"

local M = {}

-- No longer than clients wait for an answer's headers.
local PAUSES = { 250, 1000, 4000 } -- ms
local LONGEST_PAUSE = 8 -- seconds that an upstream may ask for

local BUSY = { [429] = true, [503] = true }

-- How long to wait before the next try, in ms; nil: that was the last.
local function pause_before(try, problem)
  if problem.unasked then return nil end -- this only explains
  if errors.is(problem, "Transport") then return try == 1 and 0 or nil end
  if not errors.is(problem, "Upstream") or not BUSY[problem.status] then return nil end
  local asked = problem.retry_after or 0
  if asked > LONGEST_PAUSE then return nil end
  return PAUSES[try] and (asked > 0 and asked * 1000 or PAUSES[try])
end

--- upstream:fetch(options), tried again: where upstream is busy (429, 503), after a moment or when Retry-After says,
--- three times; where the connection broke, at once and once.
---@async
---@param upstream dunite.native.Upstream
---@param options dunite.native.Fetch
---@return { status: integer, headers: table<string, string>, body: string }? answer, table? problem
function M.fetch(upstream, options)
  for try = 1, math.huge do
    local got, problem = upstream:fetch(options)
    local pause = problem and pause_before(try, problem)
    if not pause then return got, problem end
    native.log("warn", "upstream is asked again", {
      upstream = upstream:name(), url = options.url, pause = pause, problem = tostring(problem),
    })
    if pause > 0 then native.clock.sleep(pause) end
  end
end

return M
