-- Members: who is asking. Basic credentials (email and password) or a bearer token of ours.

local native = require "dunite.native"
local answer = require "dunite.answer"
local errors = require "dunite.errors"
local schema = require "dunite.schema"

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

--- A member by id or email.
---@return dunite.native.Member?
function Members:find(name) return native.members:find(name) end

--- Checks a password. problem nil: it is wrong (or there is no such member: both take the same time).
---@async
---@return dunite.native.Member? member, table? problem
function Members:verify(name, password, address)
  local member, problem = native.members:verify(name, password, address)
  if member and not member.active then return nil end
  return member, problem
end

--- The member whose access token the request brings, and the token's claims.
---@param req dunite.Request
---@return dunite.native.Member? member, table? claims
function Members:by_bearer(req)
  local token = req:bearer()
  self.wanted = self.wanted or { issuer = self.app:issuer(), audience = self.app:service(), typ = "at+jwt" }
  local claims = token and native.keys:verify(token, self.wanted)
  local member = claims and claims.sub and native.members:find(claims.sub)
  if not member or not member.active then return nil end
  req:is_from(member, "token")
  return member, claims
end

--- The member whose Basic credentials the request brings. nil without a problem: nobody we know.
---@async
---@param req dunite.Request
---@return dunite.native.Member? member, table? problem
function Members:by_password(req)
  local user, password = req:basic()
  if not user then return nil end
  local member, problem = self:verify(user, password, req:client())
  if member then req:is_from(member, "password") end
  return member, problem
end

--- Is it the failure limiter that refused, and not a queue that is full?
function M.is_slowed_down(problem) return errors.is(problem, "Overloaded") and problem.retry_after ~= nil end

--- Who is asking; answers 401 (or 429 after too many failures) by itself when nobody we know.
---@async
---@param req dunite.Request
---@return dunite.native.Member
function Members:require(req)
  local member, problem = self:by_bearer(req), nil
  if not member then member, problem = self:by_password(req) end
  if member then return member end
  if M.is_slowed_down(problem) then
    error(answer.too_many("too_many_failures", problem.retry_after), 0)
  elseif problem then
    error(answer.error(problem), 0)
  end
  error(answer.unauthorized(('Basic realm="%s", charset="UTF-8"'):format(self.app.name)), 0)
end

return M
