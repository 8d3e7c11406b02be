-- Scopes of the registry's token specification: "repository:NAME:ACTION,ACTION". A name may hold a port's colon
-- ("repository:host:5000/app:pull"), so the type ends at the first colon and the actions begin after the last.

local M = {}

---@class dunite.oci.Scope
---@field type string
---@field name string
---@field actions string[]

--- One scope; nil when it is none.
---@param text string
---@return dunite.oci.Scope?
function M.parse(text)
  local type, name, list = text:match("^(%l+):(.+):([%a,*]*)$")
  if not type then
    -- "repository(plugin):name:pull": a class after the type
    type, name, list = text:match("^(%l+)%(%l+%):(.+):([%a,*]*)$")
  end
  if not type then return nil end
  local actions = {}
  for action in list:gmatch("[^,]+") do actions[#actions + 1] = action end
  return { type = type, name = name, actions = actions }
end

--- All that were asked for: the field may repeat, and hold several with spaces between. What is no scope is left out.
---@param fields string[]
---@return dunite.oci.Scope[]
function M.list(fields)
  local scopes = {}
  for _, field in ipairs(fields) do
    for text in field:gmatch("%S+") do scopes[#scopes + 1] = M.parse(text) end
  end
  return scopes
end

local function wants_pull(scope)
  for _, action in ipairs(scope.actions) do
    if action == "pull" or action == "*" then return true end
  end
  return false
end

-- The repository behind a name: some clients put our own host before it.
local function repository(name, host)
  return name:sub(1, #host + 1) == host .. "/" and name:sub(#host + 2) or name
end

--- What is granted of it: pull only, of what may_pull says. Granting nothing is not an error.
---@param scopes dunite.oci.Scope[]
---@param host string
---@param may_pull fun(name: string): boolean
---@return { type: string, name: string, actions: string[] }[]
function M.grant(scopes, host, may_pull)
  local access, granted = {}, {}
  for _, scope in ipairs(scopes) do
    local name = repository(scope.name, host)
    if scope.type == "repository" and wants_pull(scope) and not granted[name] and may_pull(name) then
      granted[name] = true
      access[#access + 1] = { type = "repository", name = name, actions = { "pull" } }
    end
  end
  return access
end

--- Does a token's access let it pull that repository?
---@param access any
---@param name string
---@return boolean
function M.covers(access, name)
  for _, entry in ipairs(type(access) == "table" and access or {}) do
    if entry.type == "repository" and entry.name == name and wants_pull(entry) then return true end
  end
  return false
end

--- The scope that pulls a repository.
function M.pull(name) return "repository:" .. name .. ":pull" end

return M
