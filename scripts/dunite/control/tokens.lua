-- Commands on members' access tokens: `dunite member token add|list|revoke`. Each takes the app and the command's body,
-- and gives what to answer, or nil and why not.

local native = require "dunite.native"
local access_tokens = require "dunite.access_tokens"

local M = {}

--- What each command's body may hold.
M.fields = {
  add = { id = "string", name = "string", uses = "table", applications = "table", expires = "string" },
  list = { id = "string" },
  revoke = { token = "string" },
}

local function list(items) return setmetatable(items, native.json.array) end

local function time(ms) return ms and native.clock.rfc3339(ms) or nil end

local function slugs(app)
  local out = {}
  for i, product in ipairs(app.catalog.list) do out[i] = product.slug end
  return out
end

-- As it is shown: never the hash.
local function row(token)
  return {
    token = token.id, member = token.member, name = token.name, uses = list(token.uses or access_tokens.USES),
    applications = token.applications and list(token.applications) or "all", created = time(token.created),
    expires = time(token.expires) or "never", used = time(access_tokens.last_used(token.id)) or "never",
  }
end

---@async
---@return table? answer, string? why
function M.add(app, body)
  local member, problem = app.members:find(body.id or "")
  if not member then return nil, problem and tostring(problem) or "there is no member " .. (body.id or "") end
  local given, token = access_tokens.create({
    member = member.id, name = body.name, uses = body.uses, applications = body.applications, expires = body.expires,
  }, slugs(app))
  if not given then return nil, token end
  local answer = row(token)
  answer.secret = given
  return answer
end

---@return table answer
function M.list(_, body)
  local member = body.id and native.members:find(body.id)
  local rows = list {}
  for i, token in ipairs(access_tokens.list(member and member.id or body.id)) do rows[i] = row(token) end
  return { tokens = rows }
end

---@async
---@return table? answer, string? why
function M.revoke(_, body)
  local ok, why = access_tokens.revoke(body.token or "")
  return ok and {} or nil, why
end

return M
