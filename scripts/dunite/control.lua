-- The control socket: what `dunite status`, `flights`, `limits`, `member`, `keys` and `cache` ask. Each is a POST with
-- a JSON body; the answer is { ok = true, … } or { ok = false, message = … }. Who may open the socket may do all this.

local native = require "dunite.native"
local access_tokens = require "dunite.access_tokens"
local answer = require "dunite.answer"
local control_tokens = require "dunite.control.tokens"
local enum = require "dunite.enum"
local explain = require "dunite.explain"
local explained = require "dunite.explain.text"
local online = require "dunite.online"
local router = require "dunite.router"
local stock = require "dunite.stock"
local text = require "dunite.text"

local M = {}

local MOST = 64 * 1024 -- bytes of a command
local MOST_IMPORTED = 32 << 20 -- and of a file of members

local function done(fields)
  fields = fields or {}
  fields.ok = true
  return answer.json(fields)
end

local function refused(message, status) return answer.json({ ok = false, message = message }, status or 400) end

local function failed(problem) return refused(problem.message or tostring(problem), 500) end

local function list(items) return setmetatable(items, native.json.array) end

-- Members ---------------------------------------------------------------------------------------------

local FIELDS = { id = "string", email = "string", password = "string", admin = "boolean", entitlements = "table" }

local function check_fields(body, fields)
  for _, key in ipairs(text.keys(body)) do
    local wanted = fields[key]
    if not wanted then return "no such field: " .. key .. text.did_you_mean(key, text.keys(fields)) end
    if type(body[key]) ~= wanted then return key .. " is a " .. wanted end
  end
end

local function check(body)
  local wrong = check_fields(body, FIELDS)
  if wrong then return wrong end
  if (body.id or "") == "" then return "id is missing" end
  if not body.id:match("^%w[%w._-]*$") then return "id is letters, digits, '.', '_' and '-'" end
end

local function save(member, note)
  local ok, problem = native.members:save(member)
  return ok and done { note = note } or failed(problem)
end

-- An application may come later, so an entitlement to none is only told.
local function unknown_entitlement(app, entitlements)
  for _, name in ipairs(entitlements) do
    if not app.catalog:any(name) then
      local slugs = {}
      for i, product in ipairs(app.catalog.list) do slugs[i] = product.slug end
      return ("no application '%s' is in the catalog%s"):format(name, text.did_you_mean(name, slugs))
    end
  end
end

-- The handler for a member that must be there.
local function for_known(act)
  return function(_, body)
    local member = native.members:find(body.id)
    if not member then return refused("there is no member " .. body.id) end
    return act(member, body)
  end
end

local members = {}

function members.add(app, body)
  local there = native.members:find(body.id)
  if there then return refused("there is a member " .. there.id .. " already") end
  if not (body.email or ""):match("^[^@%s:]+@[^@%s:]+$") then
    return refused(("email: found '%s', allowed is an address such as ada@example.com"):format(body.email or ""))
  end
  there = native.members:find(body.email)
  if there then return refused(body.email .. " belongs to the member " .. there.id) end
  if (body.password or "") == "" then return refused("password is missing") end
  return save({
    id = body.id, email = body.email, password = body.password, active = true, admin = body.admin == true,
    entitlements = body.entitlements or {},
  }, unknown_entitlement(app, body.entitlements or {}))
end

-- All of a member, with a change: one of the deployment's own file becomes one of the ledger, which wins.
local function changed(member, change)
  local whole = {
    id = member.id, email = member.email, active = member.active, admin = member.admin,
    entitlements = text.keys(member.entitlements),
  }
  for key, value in pairs(change) do whole[key] = value end
  return whole
end

members.passwd = for_known(function(member, body)
  if (body.password or "") == "" then return refused("password is missing") end
  return save(changed(member, { password = body.password }))
end)

members.disable = for_known(function(member) return save(changed(member, { active = false })) end)

members.enable = for_known(function(member) return save(changed(member, { active = true })) end)

-- Without their tokens first: an id that is given anew inherits none.
members.remove = for_known(function(member)
  local revoked, why = access_tokens.revoke_all(member.id)
  if not revoked then return refused(why, 500) end
  local ok, problem = native.members:remove(member.id)
  return ok and done() or failed(problem)
end)

local function all_members()
  local rows = list {}
  for _, member in ipairs(native.members:list()) do
    rows[#rows + 1] = {
      id = member.id, email = member.email, active = member.active, admin = member.admin,
      entitlements = list(text.keys(member.entitlements)),
    }
  end
  return done { members = rows }
end

-- Findings by line, as { line, what }.
local function by_line(findings)
  local rows = list {}
  for line, what in findings:gmatch("(%d+)\t([^\n]*)\n") do
    rows[#rows + 1] = { line = math.tointeger(tonumber(line)), what = what, n = #rows }
  end
  table.sort(rows, function(a, b) return a.line < b.line or a.line == b.line and a.n < b.n end)
  for _, row in ipairs(rows) do row.n = nil end
  return rows
end

-- The body is the CSV file itself.
local function import(req)
  local csv, problem = req.exchange:body(MOST_IMPORTED)
  if not csv then return failed(problem) end
  local done_so, why = native.members:import(csv, {
    skip_bad = req:query "skip_bad" ~= nil, dry_run = req:query "dry_run" ~= nil,
  })
  if not done_so then return failed(why) end
  done_so.findings = by_line(done_so.findings)
  return done(done_so)
end

-- What tokens.lua says of it.
local function on_tokens(name)
  return function(app, body)
    local wrong = check_fields(body, control_tokens.fields[name])
    if wrong then return refused(wrong) end
    local given, why = control_tokens[name](app, body)
    return given and done(given) or refused(why)
  end
end

-- Keys ------------------------------------------------------------------------------------------------

local KID = 43 -- letters of a SHA-256 in base64url

-- A change of the keys; one that names a key has it in the body.
local function on_keys(change, takes_kid)
  return function(_, body)
    if takes_kid and type(body.kid) ~= "string" then return refused "kid is missing" end
    if takes_kid and #body.kid ~= KID then return refused("there is no key " .. body.kid) end
    local kid, problem = native.keys[change](native.keys, body.kid)
    if kid then return done { kid = kid } end
    return refused(problem.message or tostring(problem))
  end
end

local function all_keys()
  local rows = list {}
  for _, key in ipairs(native.keys:list()) do
    rows[#rows + 1] = { kid = key.kid, active = key.active, created = native.clock.rfc3339(key.created) }
  end
  return done { keys = rows }
end

-- Looking in ------------------------------------------------------------------------------------------

-- The generation that serves, and what of older ones has not ended.
local function generations()
  local current, old = 0, list {}
  for _, seen in ipairs(native.generations()) do
    if seen.current then
      current = math.max(current, seen.generation)
    else
      old[#old + 1] = {
        generation = seen.generation, worker = seen.worker, secs = seen.secs, requests = seen.requests,
        held_by = seen.held_by,
      }
    end
  end
  return current, old
end

local function status(app)
  local health = native.health()
  local generation, old = generations()
  return done {
    generation = generation, old_generations = old,
    name = app.name, versions = native.versions(),
    ready = health.ready, degraded = health.degraded, draining = health.draining, reason = health.reason,
    members = #native.members:list(), applications = #app.catalog.list,
  }
end

local function reload()
  local ok, generation, said = native.reload()
  local lines = list {}
  for line in said:gmatch("[^\n]+") do lines[#lines + 1] = line end
  if ok then return done { generation = generation, needs_a_restart = lines } end
  local message = ("nothing was reloaded, generation %d serves on:\n%s"):format(generation, said)
  return answer.json({ ok = false, message = message, generation = generation, findings = lines }, 409)
end

local function flights(app)
  local rows = list {}
  for _, name in ipairs(app.settings.flights) do
    rows[#rows + 1] = { name = name, in_flight = native.flights(name):in_flight() }
  end
  return done { flights = rows }
end

local function limits(app)
  local rows = list {}
  for _, name in ipairs(text.keys(app.limits)) do
    for _, member in ipairs(native.members:list()) do
      local seen = app.limits[name]:look(member)
      if seen.used > 0 or seen.running > 0 then
        rows[#rows + 1] = {
          limit = name, member = member.id, running = seen.running, used = seen.used, cap = seen.limit or "unlimited",
          reset_in_secs = seen.reset_in_secs,
        }
      end
    end
  end
  return done { limits = rows }
end

local function reset_limits(app, body)
  local member = type(body.member) == "string" and app.members:find(body.member)
  if not member then return refused("there is no member " .. tostring(body.member)) end
  for _, name in ipairs(text.keys(app.limits)) do
    local ok, problem = app.limits[name]:reset(member)
    if not ok then return failed(problem) end
  end
  return done { member = member.id, limits = list(text.keys(app.limits)) }
end

local function why(app, ask)
  local explanation, wrong = explain.run(app, ask)
  if not explanation then return refused(wrong) end
  return done { explanation = explanation, text = explained.of(explanation) }
end

-- Checking online ---------------------------------------------------------------------------------------

local function questions(app) return done { questions = online.questions(app) } end

local function ask_upstream(app, body)
  local found, wrong = online.ask(app, body)
  return found and done { found = found } or done { finding = wrong }
end

-- The cache -------------------------------------------------------------------------------------------

local function of_the_stock(act)
  return function(_, body)
    local fields, problem = act(body)
    if fields then return done(fields) end
    return enum.of(problem) and failed(problem) or refused(problem)
  end
end

-- Routes ----------------------------------------------------------------------------------------------

local function body_of(req)
  local raw, problem = req.exchange:body(MOST)
  if not raw then return nil, tostring(problem) end
  if raw == "" then return {} end
  local body, reason = native.json.decode(raw)
  if type(body) ~= "table" then return nil, "the body is a JSON object" .. (reason and ": " .. reason or "") end
  return body
end

--- What the control socket is answered by.
---@param app dunite.App
---@return dunite.Router
function M.routes(app)
  local routes = router.new()
  local function command(name, act, checks)
    routes:post("/control/" .. name, function(req)
      local body, wrong = body_of(req)
      wrong = wrong or (checks and check(body))
      if wrong then return refused(wrong) end
      return act(app, body)
    end, name)
  end
  for _, name in ipairs(text.keys(members)) do command("member." .. name, members[name], true) end
  command("member.list", all_members)
  routes:post("/control/member.import", import, "member.import")
  for name in pairs(control_tokens.fields) do command("member.token." .. name, on_tokens(name)) end
  command("keys.new", on_keys "create")
  command("keys.reload", on_keys "reload")
  for _, change in ipairs { "retire", "remove", "activate" } do command("keys." .. change, on_keys(change, true)) end
  command("keys.list", all_keys)
  for _, name in ipairs(text.keys(stock)) do command("cache." .. name, of_the_stock(stock[name])) end
  command("status", status)
  command("reload", reload)
  command("flights", flights)
  command("limits", limits)
  command("limits.reset", reset_limits)
  command("metrics", function() return done { text = native.metrics() } end)
  command("explain", why)
  command("online.questions", questions)
  command("online.ask", ask_upstream)
  routes.not_found = function() return refused("there is no such command", 404) end
  routes.bad_path = routes.not_found
  routes.failed = function(_, problem) return refused(enum.of(problem) and tostring(problem) or "it failed", 500) end
  return routes
end

return M
