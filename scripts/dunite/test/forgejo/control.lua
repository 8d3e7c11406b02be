-- What a test tells the double: to count, to fail, to stand still in the middle of a body, to trickle.
--
--   GET  /double/counts             { "counts": { "GET /path": n } }
--   POST /double/script             { "path", "times", and some of: "status", "retry_after", "headers", "pace",
--                                     "gate": { "at": bytes }, "cut": bytes }
--   GET  /double/waiting?path=      { "waiting": n }: how many bodies stand at the path's gate
--   POST /double/open               { "path" }
--   POST /double/storage            { "url" }: blobs and manifests are served directly from another double, below that
--                                   URL; without one they are not
--   POST /double/cut                { "path" }: what stands at the gate breaks
--   POST /double/reset              forgets scripts and counts, opens every gate

local native = require "dunite.native"
local answer = require "dunite.answer"

local M = {}

local counts, scripts = {}, {}
local storage -- the URL

local function rule_for(path)
  local rule = scripts[path]
  if not rule or rule.times == 0 then return nil end
  if rule.times then rule.times = rule.times - 1 end
  return rule
end

-- The answer, as the script wants it.
local function bent(rule, handler, req)
  if rule.status and rule.status ~= 200 then
    local made = answer.json({ message = "as the script says" }, rule.status)
    return rule.retry_after and made:header("retry-after", tostring(rule.retry_after)) or made
  end
  local made = handler(req)
  for name, value in pairs(rule.headers or {}) do made:header(name, value) end
  made.gate, made.pace = rule.stands, rule.pace
  return made
end

--- The handler, counted and under the scripts' rule.
function M.watched(handler)
  return function(req)
    local key = req.method .. " " .. req.path
    counts[key] = (counts[key] or 0) + 1
    local rule = rule_for(req.path)
    return rule and bent(rule, handler, req) or handler(req)
  end
end

local function body_of(req)
  local raw = assert(req.exchange:body(65536))
  return raw ~= "" and assert(native.json.decode(raw)) or {}
end

local function script(req)
  local rule = body_of(req)
  if rule.gate then rule.stands = native.gate(rule.gate.at) end
  if rule.cut then
    rule.stands = native.gate(rule.cut)
    rule.stands:cut()
  end
  scripts[rule.path] = rule
  return answer.json { ok = true }
end

local function waiting(req)
  local rule = scripts[req:query "path"]
  return answer.json { waiting = rule and rule.stands and rule.stands:waiting() or 0 }
end

local function open(req)
  local rule = scripts[body_of(req).path]
  if not rule or not rule.stands then return answer.json({ message = "there is no gate" }, 404) end
  rule.stands:open()
  return answer.json { ok = true }
end

local function serve_directly(req)
  storage = body_of(req).url
  return answer.json { ok = true }
end

--- Where the registry's files are served from, if not by it.
---@return string?
function M.storage() return storage end

local function cut(req)
  local rule = scripts[body_of(req).path]
  if not rule or not rule.stands then return answer.json({ message = "there is no gate" }, 404) end
  rule.stands:cut()
  return answer.json { ok = true }
end

local function reset()
  for _, rule in pairs(scripts) do
    if rule.stands then rule.stands:open() end
  end
  counts, scripts, storage = {}, {}, nil
  return answer.json { ok = true }
end

---@param app dunite.App
function M.routes(app)
  app:get("/double/counts", function() return answer.json { counts = counts } end)
  app:post("/double/script", script)
  app:get("/double/waiting", waiting)
  app:post("/double/open", open)
  app:post("/double/storage", serve_directly)
  app:post("/double/cut", cut)
  app:post("/double/reset", reset)
end

return M
