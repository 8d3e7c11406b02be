-- Access tokens: what a member gives a CI job instead of the password. A token is "dut_ID_SECRET". The ID names it in
-- lists and in the audit; of the whole only a SHA-256 is kept (it is random and long, so nothing slower is needed).
--
-- A token may do what its member may, or less: `uses` ("downloads", "pulls") and `applications` narrow it. It is asked
-- for at every request, so one that is revoked or has expired is worth nothing at the next.

local native = require "dunite.native"
local text = require "dunite.text"

local M = {}

local BUCKET = "access_tokens"           -- ID -> the token, as JSON
local USED = "access_tokens.used"        -- ID -> when it was used last; apart, so that noting it never brings one back
local ID_BYTES, SECRET_BYTES = 8, 20
local NOTED_EVERY = 60000                -- ms
local MOST = 100                         -- of a member
local NAME_MOST, DAY = 100, 86400000
local DEFAULT_LIFE, LONGEST_LIFE = 90 * DAY, 3650 * DAY

--- What a token can be for.
M.USES = { "downloads", "pulls" }

---@class dunite.AccessToken
---@field id string
---@field member string          -- the member's id
---@field name string
---@field hash string
---@field uses? string[]         -- nil: whatever the member may
---@field applications? string[] -- slugs; nil: whatever the member may
---@field created integer        -- ms
---@field expires? integer       -- ms; nil: never

local decoded = {} -- ID -> { raw, token }: decoded once per text

---@param id string
---@return dunite.AccessToken?
local function known(id)
  local last = decoded[id]
  local raw = native.records:get(BUCKET, id, last and last.raw)
  if not raw then
    decoded[id] = nil
    return nil
  end
  if not last or last.raw ~= raw then
    last = { raw = raw, token = native.json.decode(raw) }
    decoded[id] = last
  end
  return last.token
end

local function last_used(id)
  local at = native.records:get(USED, id)
  return at and math.tointeger(tonumber(at))
end

local function note_use(id)
  local now, before = native.clock.wall(), last_used(id)
  if not before or now - before >= NOTED_EVERY or now < before then native.records:put(USED, id, tostring(now)) end
end

--- The token of that ID, while it is good.
---@param id string
---@return dunite.AccessToken?
function M.live(id)
  local token = known(id)
  if not token or token.expires and native.clock.wall() >= token.expires then return nil end
  return token
end

--- The token that this text is, while it is good; it is then noted as used.
---@param given string
---@return dunite.AccessToken?
function M.check(given)
  local id = given:match("^dut_(%x+)_%x+$")
  local token = id and M.live(id)
  if not token or not native.equal(token.hash, native.sha256(given)) then return nil end
  note_use(id)
  return token
end

local function set(list)
  if not list then return nil end
  local out = {}
  for _, each in ipairs(list) do out[each] = true end
  return out
end

--- The member, as far as the token reaches.
---@param member dunite.native.Member
---@param token dunite.AccessToken
---@return dunite.native.Member
function M.narrowed(member, token)
  local out = {}
  for key, value in pairs(member) do out[key] = value end
  out.access_token, out.uses, out.applications = token.id, set(token.uses), set(token.applications)
  if out.applications then
    out.entitlements = {}
    for slug in pairs(member.entitlements) do out.entitlements[slug] = out.applications[slug] end
  end
  return out
end

--- How the audit calls it.
function M.credential(token) return "access-token:" .. token.id end

-- Changes ---------------------------------------------------------------------------------------------

local function one_of(list, known_ones, what)
  local allowed = set(known_ones)
  for _, each in ipairs(list) do
    if not allowed[each] then
      return ("%s: there is no '%s'%s (known are %s)"):format(what, tostring(each), text.did_you_mean(each, known_ones),
        table.concat(known_ones, ", "))
    end
  end
end

local function check_name(name)
  if type(name) ~= "string" or name == "" then return "name: say what it is for, as in --name 'release job'" end
  if #name > NAME_MOST or name:find("%c") then return ("name: at most %d characters, in one line"):format(NAME_MOST) end
end

-- When it ends: ms, or false for never; or nil and why not.
local function end_of(expires)
  if expires == "never" then return false end
  local life = expires == nil and DEFAULT_LIFE or text.milliseconds(expires)
  if not life or life <= 0 or life > LONGEST_LIFE then
    return nil, ('expires: found "%s", allowed is a duration such as "90d" (at most 3650d), or never'):format(expires)
  end
  return native.clock.wall() + life
end

---@return dunite.AccessToken[]
function M.list(member)
  local list = {}
  for _, id in ipairs(native.records:keys(BUCKET)) do
    local token = known(id)
    if token and (not member or token.member == member) then list[#list + 1] = token end
  end
  table.sort(list, function(a, b) return a.created < b.created or a.created == b.created and a.id < b.id end)
  return list
end

--- When it was used last (by a minute), in ms.
---@return integer?
M.last_used = last_used

--- Makes one. Gives its text, which is nowhere kept; or nil and why not.
---@async
---@param wanted { member: string, name: string, uses?: string[], applications?: string[], expires?: string }
---@param slugs string[]   -- of all applications
---@return string? given, dunite.AccessToken|string token
function M.create(wanted, slugs)
  local wrong = check_name(wanted.name) or one_of(wanted.uses or {}, M.USES, "for")
    or one_of(wanted.applications or {}, slugs, "app")
  if wrong then return nil, wrong end
  local ends, why = end_of(wanted.expires)
  if ends == nil then return nil, why end
  if #M.list(wanted.member) >= MOST then
    return nil, ("%s has %d access tokens already: revoke some first"):format(wanted.member, MOST)
  end
  local id = native.random(ID_BYTES)
  local given = ("dut_%s_%s"):format(id, native.random(SECRET_BYTES))
  local token = {
    id = id, member = wanted.member, name = wanted.name, hash = native.sha256(given), uses = wanted.uses,
    applications = wanted.applications, created = native.clock.wall(), expires = ends or nil,
  }
  local ok, problem = native.records:commit(BUCKET, id, native.json.encode(token))
  if not ok then return nil, tostring(problem) end
  return given, token
end

--- Takes it back for good: what was had by it is worth nothing at the next request, either. nil and why: there is none.
---@async
---@return true? ok, string? why
function M.revoke(id)
  if not known(id) then return nil, "there is no access token " .. id end
  local ok, problem = native.records:commit(BUCKET, id)
  native.records:delete(USED, id)
  if not ok then return nil, tostring(problem) end
  return true
end

--- Takes back all of a member's.
---@async
---@return true? ok, string? why
function M.revoke_all(member)
  for _, token in ipairs(M.list(member)) do
    local ok, why = M.revoke(token.id)
    if not ok then return nil, why end
  end
  return true
end

return M
