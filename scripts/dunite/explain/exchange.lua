-- The exchange of a request that is only explained: what dunite.native.Exchange has, from a table.

local M = {}

---@class dunite.explain.Exchange
local Exchange = {}
Exchange.__index = Exchange

---@class dunite.explain.Given
---@field method string
---@field target string                      -- path and query
---@field headers table<string, string[]>    -- names in small letters
---@field body? string
---@field on_member fun(id: string)          -- hears who it is

---@param given dunite.explain.Given
function M.new(given)
  local path, query = given.target:match("^([^?]*)%??(.*)$")
  return setmetatable({ given = given, at = path, fields = query, pattern = nil }, Exchange)
end

function Exchange:head() return self:method(), self:path(), self:id(), self:listener() end
function Exchange:method() return self.given.method end
function Exchange:path() return self.at end
function Exchange:query() return self.fields end
function Exchange:headers(name) return self.given.headers[name:lower()] or {} end
function Exchange:header(name) return self:headers(name)[1] end
function Exchange:peer() return "127.0.0.1" end
function Exchange:listener() return "main" end
function Exchange:id() return "0000000000000000" end
function Exchange:body() return self.given.body or "" end
function Exchange:route(pattern) self.pattern = pattern end
function Exchange:member(id) self.given.on_member(id) end
function Exchange:client() end

return M
