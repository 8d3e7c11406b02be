-- Requests, as handlers see them: a thin table over the engine's exchange.

local native = require "dunite.native"
local memo = require "dunite.memo"

local M = {}

---@class dunite.Request
---@field method string
---@field path string            -- as sent, percent-encoded, without the query
---@field params table<string, string> -- decoded
---@field id string
---@field listener "main"|"admin"|"control"
---@field exchange dunite.native.Exchange
---@field app dunite.App
local Request = {}
Request.__index = Request

---@param exchange dunite.native.Exchange
---@param app dunite.App
---@return dunite.Request
function M.new(exchange, app)
  local method, path, id, listener = exchange:head()
  return setmetatable({ -- those that come later too, so that the table need not grow
    exchange = exchange, app = app, method = method, path = path, id = id, listener = listener,
    params = nil, member = nil, credential = nil, address = nil, event = nil,
  }, Request)
end

--- The first header of that name.
---@return string?
function Request:header(name) return self.exchange:header(name) end

--- All headers of that name, as one comma list (RFC 9110 section 5.3).
---@return string?
function Request:header_list(name)
  return self:header(name) and table.concat(self.exchange:headers(name), ", ")
end

local function form(encoded)
  local fields = {}
  for pair in encoded:gmatch("[^&]+") do
    local key, value = pair:match("^([^=]*)=?(.*)$")
    key = native.url_decode((key:gsub("%+", " ")))
    value = native.url_decode((value:gsub("%+", " ")))
    if key and value then
      fields[key] = fields[key] or {}
      table.insert(fields[key], value)
    end
  end
  return fields
end

--- The first value of a query field; all of them with queries().
---@return string?
function Request:query(name)
  local values = self:queries(name)
  return values[1]
end

---@return string[]
function Request:queries(name)
  self.fields = self.fields or form(self.exchange:query())
  return self.fields[name] or {}
end

--- The fields of an application/x-www-form-urlencoded body: name -> values.
---@async
---@return table<string, string[]>? fields, table? problem
function Request:form()
  local body, problem = self.exchange:body(64 * 1024)
  if not body then return nil, problem end
  return form(body)
end

-- Is it a proxy of ours that speaks to us?
local function behind_proxy(self)
  local trusted = self.app.trusted_proxies
  if #trusted == 0 then return false end
  local peer = self.exchange:peer()
  return peer == "unix" or native.cidr_has(trusted, peer)
end

-- Each proxy adds the hop it heard from at the end, so what a client made up stands to the left.
local function rightmost_stranger(hops, trusted)
  local address
  for hop in hops:gmatch("[^,%s]+") do
    if address == nil or not native.cidr_has(trusted, hop) then address = hop end
  end
  return address
end

--- The address of the true client: behind trusted proxies, the rightmost hop that is not one of them.
---@return string
function Request:client()
  if self.address then return self.address end
  local address = self.exchange:peer()
  local hops = behind_proxy(self) and self:header_list("x-forwarded-for")
  if hops then
    address = rightmost_stranger(hops, self.app.trusted_proxies) or address
    self.exchange:client(address)
  end
  self.address = address
  return address
end

--- The public URL of a path: below external_url, else below what the request was sent to.
---@return string
function Request:url(path)
  if self.app.external_url then return self.app.external_url .. path end
  local secure = self:header("x-forwarded-proto") == "https" and behind_proxy(self)
  return (secure and "https://" or "http://") .. (self:header("host") or "localhost") .. path
end

-- One range that leaves something out. Of "bytes=0-", of several, and of what is no range, the whole is answered.
local function is_part(range) return range:find("^%a+= *%d*%-%d*$") and not range:find("^%a+= *0+%-$") end

--- What pieces of one download share: nil unless this is a Range request for a part.
---@return string?
function Request:piece()
  local range = self.method == "GET" and self:header("range")
  return range and is_part(range) and self.path or nil
end

--- Notes who it is, and by what.
---@param member dunite.native.Member
---@param credential string   -- "password", "token", "access-token:ID"
function Request:is_from(member, credential)
  self.member, self.credential = member, credential
  self.exchange:member(member.id)
end

---@class dunite.AuditFields
---@field kind "pull"|"part"|"download"|"refresh"
---@field application string
---@field version? string
---@field asset? string
---@field digest? string

--- Notes that the request asks for something worth an audit line; it ends with how the answer ended. Once a request.
---@param fields dunite.AuditFields
function Request:audit(fields)
  if self.event then error("the request is in the audit already", 2) end
  fields.member, fields.credential = self.member and self.member.id, self.credential
  fields.address, fields.request = self:client(), self.id
  self.event = native.audit:open(fields)
end

--- User and password of Basic credentials (RFC 7617), in which there are no control characters.
---@return string? user, string? password
function Request:basic()
  local encoded = (self:header("authorization") or ""):match("^[Bb][Aa][Ss][Ii][Cc] +([%w+/=_-]+)%s*$")
  local decoded = encoded and native.base64_decode(encoded)
  return (decoded or ""):match("^([^:%c]*):([^%c]*)$")
end

-- Remembered, so that a token is the same string again: one whose hash is known.
local bearer = memo.new(function(header) return header:match("^[Bb][Ee][Aa][Rr][Ee][Rr] +(%S+) *$") end)

--- What Bearer credentials bring (RFC 6750); whether it is a token says who verifies it.
---@return string?
function Request:bearer() return bearer(self:header("authorization") or "") end

return M
