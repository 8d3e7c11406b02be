-- Members: who is asking. Basic credentials (email and password, or email and access token), or a bearer token of ours.
--
-- What is asked for with an access token, or with a bearer token that was had by one, comes from a member with less:
-- `applications` and `uses` say how far it reaches.

local native = require "dunite.native"
local access_tokens = require "dunite.access_tokens"
local answer = require "dunite.answer"
local errors = require "dunite.errors"
local outside = require "dunite.outside"
local schema = require "dunite.schema"
local text = require "dunite.text"

local M = {}

local function email(value)
  if type(value) == "string" and value:match("^[^@%s:]+@[^@%s:]+$") then return value end
  return nil, "an e-mail address"
end

local function password_hash(value)
  if type(value) == "string" and value:match("^%$argon2id%$") then return value end
  return nil, "an argon2id string"
end

local entry = {
  id = { type = "string", required = true },
  email = { type = email, required = true },
  password_hash = { type = password_hash, required = true },
  active = { type = "boolean", default = true },
  admin = { type = "boolean", default = false },
  entitlements = { type = "list", of = { type = "string" }, default = {} },
}

-- What the table of members may have beside its entries.
local BESIDE = { lookup = true, keep = true }

local function check_beside(entries, findings, where)
  for key, value in pairs(entries) do
    if type(key) ~= "number" and not BESIDE[key] then
      findings[#findings + 1] = ("%s: members.%s: no such key%s (known are keep, lookup)"):format(where, tostring(key),
        text.did_you_mean(key, text.keys(BESIDE)))
    elseif key == "lookup" and type(value) ~= "function" then
      findings[#findings + 1] = ("%s: members.lookup: found a %s, allowed is a function(name, app)"):format(where,
        type(value))
    elseif key == "keep" and not outside.is_time(value) then
      findings[#findings + 1] = ('%s: members.keep: found "%s", allowed is a duration such as "30s"'):format(where,
        tostring(value))
    end
  end
end

--- Checks what a deployment's own members are said to be; findings is appended to.
---@param entries any
---@param findings string[]
---@param where string
---@return table[]
function M.check(entries, findings, where)
  local out = {}
  if type(entries) ~= "table" then
    findings[#findings + 1] = where .. ": members are a list"
    return out
  end
  check_beside(entries, findings, where)
  for i, given in ipairs(entries) do
    local key = ("member %d"):format(i)
    if type(given) == "table" then
      out[i] = schema.check(given, entry, findings, where, key .. ".")
    else
      findings[#findings + 1] = ("%s: %s: found a %s, allowed is a table"):format(where, key, type(given))
    end
  end
  return out
end

---@class dunite.Members
local Members = {}
Members.__index = Members

---@param app dunite.App
---@return dunite.Members
function M.new(app) return setmetatable({ app = app }, Members) end

--- Members are also asked for elsewhere.
---@param people { lookup?: function, keep?: string|number }   -- a deployment's members
function Members:ask_outside(people)
  if type(people) == "table" and type(people.lookup) == "function" and outside.is_time(people.keep) then
    self.outside = outside.new(people.lookup, people.keep, self.app)
  end
end

-- Those who are kept elsewhere, found there or not.
local function find_outside(self, name)
  if not self.outside then return nil end
  return self.outside:find(name)
end

--- A member by id or email: the ledger's or the deployment's, else one that is kept elsewhere. A problem only where
--- those are asked for.
---@async
---@return dunite.native.Member? member, table? problem
function Members:find(name)
  local member = native.members:find(name)
  if member then return member end
  local found, problem = find_outside(self, name)
  return found and found.member, problem
end

-- The member, if there is one of that name who may come in.
local function active(self, name)
  local member, problem = self:find(name)
  return member and member.active and member or nil, problem
end

-- The member whose access token it is, where the name is that member's, and how the audit calls the token. Else nil
-- and, perhaps, a problem.
local function by_access_token(self, name, given)
  local token = access_tokens.check(given)
  if not token then return nil end
  local member, problem = active(self, name)
  if not member or member.id ~= token.member then return nil, problem end
  return access_tokens.narrowed(member, token), access_tokens.credential(token)
end

-- A password, by those who are kept elsewhere. They are not asked for guesses that would be refused anyway.
local function by_outside(self, name, password, address)
  local wait = native.members:slowed(name, address)
  if wait then return nil, errors.new("Overloaded", { message = "too many wrong passwords", retry_after = wait }) end
  local found, problem = find_outside(self, name)
  if problem then return nil, problem end
  local right
  right, problem = native.members:verify(name, password, address, found and found.credentials)
  return right and found.member, problem
end

--- Checks a password, or an access token in its place. problem nil: it is wrong (or there is no such member: both take
--- the same time). A token that is good is not asked what was wrong before.
---@async
---@param name string
---@param password string
---@param address string
---@return dunite.native.Member? member, table? problem, string? credential
function Members:verify(name, password, address)
  local member, credential = by_access_token(self, name, password)
  if member then return member, nil, credential end
  if credential then return nil, credential end
  local problem
  if self.outside and not native.members:find(name) then
    member, problem = by_outside(self, name, password, address)
  else
    member, problem = native.members:verify(name, password, address)
  end
  if member and not member.active then return nil end
  return member or nil, problem, "password"
end

-- What a token of ours was had by: nothing (a password), or an access token that must still be good.
local function as_issued(member, claims)
  if not claims.credential then return member, "token" end
  local token = access_tokens.live(claims.credential)
  if not token or token.member ~= member.id then return nil end
  return access_tokens.narrowed(member, token), access_tokens.credential(token)
end

--- The member whose bearer token the request brings, and the token's claims. A problem where members who are kept
--- elsewhere cannot be asked for.
---@async
---@param req dunite.Request
---@return dunite.native.Member? member, table? claims, table? problem
function Members:by_bearer(req)
  local token = req:bearer()
  self.wanted = self.wanted or { issuer = self.app:issuer(), audience = self.app:service(), typ = "at+jwt" }
  local claims = token and native.keys:verify(token, self.wanted)
  if not claims or not claims.sub then return nil end
  local member, problem = active(self, claims.sub)
  if not member or member.id ~= claims.sub then return nil, nil, problem end
  local credential
  member, credential = as_issued(member, claims)
  if not member then return nil end
  req:is_from(member, credential)
  return member, claims
end

--- The member whose Basic credentials the request brings. nil without a problem: nobody we know.
---@async
---@param req dunite.Request
---@return dunite.native.Member? member, table? problem
function Members:by_password(req)
  local user, password = req:basic()
  if not user then return nil end
  local member, problem, credential = self:verify(user, password, req:client())
  if member then req:is_from(member, credential) end
  return member, problem
end

--- Is it the failure limiter that refused, and not a queue that is full?
function M.is_slowed_down(problem) return errors.is(problem, "Overloaded") and problem.retry_after ~= nil end

--- May they use this? What is not narrowed may. What is narrowed to uses must name this one, unless it is "any"; where
--- no use is named, what is narrowed at all may not: nobody would look at which applications it is for.
---@param member dunite.native.Member
---@param use? "downloads"|"pulls"|"any"
---@return boolean
function M.may_use(member, use)
  if use == "any" then return true end
  if use == nil then return member.uses == nil and member.applications == nil end
  return member.uses == nil or member.uses[use] == true
end

-- Answers for a request that nobody may make.
local function refuse(self, problem)
  if M.is_slowed_down(problem) then
    error(answer.too_many("too_many_failures", problem.retry_after), 0)
  elseif problem then
    error(answer.error(problem), 0)
  end
  error(answer.unauthorized(('Basic realm="%s", charset="UTF-8"'):format(self.app.name)), 0)
end

local function listed(set) return setmetatable(text.keys(set), native.json.array) end

-- For JSON, where what is unlimited is said to be.
local function standing(limit, member)
  local seen = limit:look(member)
  return {
    concurrency = { limit = seen.concurrency or "unlimited", running = seen.running },
    daily = {
      limit = seen.limit or "unlimited", used = seen.used, left = seen.left or "unlimited",
      reset_in_secs = seen.reset_in_secs,
    },
  }
end

--- What a member may know of themselves: who they are, what they hold, and what is left of each limit today. With an
--- access token, what that is for, too.
---@param member dunite.native.Member
---@return table
function Members:account(member)
  local limits = {}
  for _, name in ipairs(text.keys(self.app.limits)) do limits[name] = standing(self.app.limits[name], member) end
  return {
    id = member.id, email = member.email, admin = member.admin, entitlements = listed(member.entitlements),
    limits = limits, access_token = member.access_token, uses = member.uses and listed(member.uses),
    applications = member.applications and listed(member.applications),
  }
end

--- Who is asking; answers by itself where nobody may: 401 (429 after too many failures) when it is nobody we know, 403
--- when their access token is not for this use.
---@async
---@param req dunite.Request
---@param use? "downloads"|"pulls"|"any"
---@return dunite.native.Member
function Members:require(req, use)
  local member, _, problem = self:by_bearer(req)
  if not member and not problem then member, problem = self:by_password(req) end
  if not member then refuse(self, problem) end
  if not M.may_use(member, use) then
    error(answer.problem(403, "insufficient_scope", "This access token is not for this."), 0)
  end
  return member
end

--- The administrator who is asking, with a password or a token that is for everything. Anybody else is answered as
--- where there is no such page, but who is not signed in: 401.
---@async
---@param req dunite.Request
---@return dunite.native.Member
function Members:require_admin(req)
  local member = self:require(req, "any")
  if not member.admin or not M.may_use(member) then error(answer.not_found("This page"), 0) end
  return member
end

return M
