-- Health and metrics: /healthz, /readyz, /metrics.

local native = require "dunite.native"
local answer = require "dunite.answer"
local router = require "dunite.router"

local M = {}

local function health(name, fine)
  local state = native.health()
  local ok = fine(state)
  local status = not ok and "unready" or state.degraded and "degraded" or name
  return answer.json({ status = status, reason = state.reason }, ok and 200 or 503)
end

--- The three routes, to be mounted. /healthz: the process answers. /readyz: false while draining; "degraded" where the
--- store cannot be written (hits are still served).
---@return dunite.Router
function M.routes()
  local routes = router.new()
  routes:get("/healthz", function() return health("ok", function() return true end) end)
  routes:get("/readyz", function() return health("ready", function(state) return state.ready end) end)
  routes:get("/metrics", function()
    return answer.new(200, native.metrics(), "text/plain; version=0.0.4; charset=utf-8")
  end)
  return routes
end

return M
