-- Members of specs. All have one password, whose hash was made once, cheaply: argon2id with 8 KiB and one pass.

local native = require "dunite.native"

local M = {}

M.PASSWORD = "correct horse"
local HASH = "$argon2id$v=19$m=8,t=1,p=1$ZHVuaXRlIHNwZWMgc2FsdA$3M/cQ1s8b8uKC9BN5J7JvJiTFa6nGfYQqPWrwGNkpmc"

-- Everybody there is, where a spec does not say: ada may do all, bob holds no entitlement.
local USUAL = { "ada", "bob" }

local function entry(given)
  local member = type(given) == "table" and given or { id = given }
  return {
    id = member.id, email = member.email or member.id .. "@example.com", active = member.active ~= false,
    admin = member.admin == true, password_hash = member.password_hash or HASH,
    entitlements = setmetatable(member.entitlements or {}, native.json.array),
  }
end

--- Entries for the deployment's members, of names or tables.
---@param wanted? (string|table)[]
function M.list(wanted)
  local list = setmetatable({}, native.json.array)
  for i, given in ipairs(wanted or USUAL) do list[i] = entry(given) end
  return list
end

local function base64(bytes)
  local encoded = native.base64url(bytes):gsub("-", "+"):gsub("_", "/")
  return encoded .. ("="):rep(-#encoded % 4)
end

--- An Authorization header's value; user: a member's id, or an email.
function M.basic(user, password)
  if not user:find("@", 1, true) then user = user .. "@example.com" end
  return "Basic " .. base64(user .. ":" .. password)
end

return M
