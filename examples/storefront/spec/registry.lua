-- A registry upstream that answers what a spec says, however wrong: path -> { status, body, headers }, or a list of
-- those by their query. It remembers what it was asked.

local t = require "dunite.test"
local native = require "dunite.native"

local M = {}

local ROUTES = [[
local native, answer = require "dunite.native", require "dunite.answer"
local said = native.json.decode(native.read_file "said.json")
local seen = setmetatable({}, native.json.array)
return function(app)
  app:get("/seen", function() return answer.json(seen) end)
  app:get("/*rest", function(req)
    local query = req.exchange:query()
    seen[#seen + 1] = { method = req.method, path = req.path, query = query, accept = req:header_list "accept" }
    local says = said[query ~= "" and req.path .. "?" .. query or req.path] or said[req.path]
    if not says then return answer.text("404 page not found\n", 404) end
    local made = answer.new(says.status or 200, (says.body or ""):rep(says.times or 1))
    for name, value in pairs(says.headers or {}) do made:header(name, value) end
    return made
  end)
end
]]

---@class storefront.Registry
local Registry = {}
Registry.__index = Registry

function Registry:url() return self.app:url() end

--- What was asked for that path: { method, query, accept }, …
---@async
function Registry:seen(path)
  local found = {}
  for _, request in ipairs(self.app:get("/seen"):json()) do
    if request.path == path then found[#found + 1] = request end
  end
  return found
end

---@param said table<string, { status?: integer, body?: string, times?: integer, headers?: table<string, string> }>
---@return storefront.Registry
function M.start(said)
  return setmetatable({ app = t.app {
    files = {
      ["dunite.lua"] = 'return require("dunite").deployment { name = "registry", routes = "routes" }',
      ["routes.lua"] = ROUTES, ["said.json"] = native.json.encode(said),
    },
    members = false,
  } }, Registry)
end

--- A manifest's text, its digest, and what to say for it.
---@param media_type string
---@param document table
function M.manifest(media_type, document)
  document.schemaVersion, document.mediaType = document.schemaVersion or 2, media_type
  local bytes = native.json.encode(document)
  return { body = bytes, headers = { ["content-type"] = media_type } }, native.sha256(bytes)
end

return M
