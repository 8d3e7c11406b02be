-- Members who are kept elsewhere: the deployment's own `lookup(name, app)` is asked for them. It may wait (HTTP to a
-- system of one's own, through a declared upstream); one call at a time for a name, over all workers; what it gave is
-- kept for a short while. What fails is never kept, and is said to be what it is: never a wrong password.

local native = require "dunite.native"
local errors = require "dunite.errors"
local schema = require "dunite.schema"
local text = require "dunite.text"

local M = {}

local KEEP, LONGEST = 30000, 30000 -- ms: how long an answer is kept; how long a call may take
local MOST = 10000                 -- names that are kept by a worker

-- What must be right of a member; whatever else the lookup gives (a plan) is handed on.
local FIELDS = {
  id = { type = "string", required = true },
  email = { type = "string", required = true },
  password_hash = { type = "string", default = "" },
  active = { type = "boolean", default = true },
  admin = { type = "boolean", default = false },
  entitlements = { type = "list", of = { type = "string" }, default = {} },
}

-- How far an access token reaches is noted in these: a shop's own column of that name would be taken for it.
local OURS = { "access_token", "applications", "uses" }

---@class dunite.Outside
local Outside = {}
Outside.__index = Outside

---@class dunite.Found
---@field member dunite.native.Member
---@field credentials { id: string, email: string, password_hash: string, active: boolean }

--- lookup: as a deployment's members give it; keep: how long an answer is good.
---@param lookup fun(name: string, app: dunite.App): table?, table?
---@param keep? string|number
---@param app dunite.App
---@return dunite.Outside
function M.new(lookup, keep, app)
  return setmetatable({
    lookup = lookup, keep = keep and text.milliseconds(keep) or KEEP, app = app, kept = {}, count = 0,
    flights = native.flights "dunite.members",
  }, Outside)
end

--- Is it what `keep` may be?
function M.is_time(value) return value == nil or text.milliseconds(value) ~= nil end

local function script_problem(message) return errors.new("Script", { message = "members.lookup " .. message }) end

-- What was given, as it is kept; or nil and a problem that says what is wrong with it.
---@return dunite.Found? found, table? problem
local function read(given)
  if type(given) ~= "table" then
    return nil, script_problem("gave a " .. type(given) .. "; allowed is a member, or nil")
  end
  for _, key in ipairs(OURS) do
    if given[key] ~= nil then
      return nil, script_problem(("gave %s, which tells of access tokens here; give it another name"):format(key))
    end
  end
  local known, findings, member = {}, {}, {}
  for key in pairs(FIELDS) do known[key] = given[key] end
  local checked = schema.check(known, FIELDS, findings, "members.lookup")
  if findings[1] then return nil, errors.new("Script", { message = table.concat(findings, "; ") }) end
  for key, value in pairs(given) do member[key] = value end
  local entitlements = {}
  for _, slug in ipairs(checked.entitlements) do entitlements[slug] = true end
  member.password_hash, member.entitlements = nil, entitlements
  member.id, member.email, member.active, member.admin = checked.id, checked.email, checked.active, checked.admin
  local credentials = {
    id = checked.id, email = checked.email, password_hash = checked.password_hash, active = checked.active,
  }
  return { member = member, credentials = credentials }
end

-- Asks; `found` is false where there is nobody of that name.
local function ask(self, name)
  local given, problem = self.lookup(name, self.app)
  if given == nil and (problem == nil or errors.is(problem) and problem.class == "NotFound") then
    return { found = false }
  elseif given == nil then
    return nil, errors.is(problem) and problem or script_problem("failed: " .. tostring(problem))
  end
  local found, wrong = read(given)
  if not found then return nil, wrong end
  if native.members:find(found.member.id) then
    native.log("warn", "members.lookup gave an id that the ledger has; the ledger's goes first",
      { member = found.member.id })
    return { found = false }
  end
  return { found = found }
end

local function remember(self, name, found)
  if self.count >= MOST then self.kept, self.count = {}, 0 end
  if not self.kept[name] then self.count = self.count + 1 end
  self.kept[name] = { found = found, at = native.clock.mono() }
end

--- The member of that id or e-mail address; nil without a problem: there is none.
---@async
---@param name string
---@return dunite.Found? found, table? problem
function Outside:find(name)
  local last = self.kept[name]
  if last and native.clock.mono() - last.at < self.keep then return last.found or nil end
  local function operation() return ask(self, name) end
  local answer, problem = self.flights:run(native.key(name), operation, { timeout = LONGEST })
  if not answer then
    if errors.is(problem, "Script") then native.log("error", problem.message, { trace = problem.trace }) end
    return nil, problem
  end
  if not native.explains() then remember(self, name, answer.found) end -- nobody was asked
  return answer.found or nil
end

return M
