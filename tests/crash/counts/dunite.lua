-- What the crash test kills: grants of a day, each in the audit, and a look at how many there were.

local dunite = require "dunite"
local answer = require "dunite.answer"

local function routes(app)
  app:get("/take/:limit/:subject", function(req)
    req:audit { kind = "download", application = req.params.limit, asset = req.params.subject }
    local lease <close>, problem = app.limits[req.params.limit]:acquire(req.params.subject)
    return answer.text(lease and "granted" or problem.variant)
  end)
  app:get("/used/:limit/:subject", function(req)
    return answer.text(tostring(app.limits[req.params.limit]:look(req.params.subject).used))
  end)
end

return dunite.deployment {
  name = "crash",
  listen = { "127.0.0.1:0" },
  workers = 2,
  limits = {
    small = { daily_cap = 40 },              -- ceilings rise one by one
    large = { daily_cap = 6400 },            -- by 100
    endless = { daily_cap = "unlimited" },   -- by 1,024
  },
  routes = routes,
}
