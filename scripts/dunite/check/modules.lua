-- Modules that a script requires and that are nowhere, also in code that did not run.

local native = require "dunite.native"
local text = require "dunite.text"

local M = {}

local function is(token, kind, value)
  return token and token.kind == kind and (value == nil or token.text == value)
end

--- The modules that are required by a name that can be read.
---@param tokens dunite.Token[]
---@return { name: string, line: integer }[]
function M.required(tokens)
  local list = {}
  for i, token in ipairs(tokens) do
    local called = is(token, "name", "require") and not is(tokens[i - 1], "symbol", ".")
      and not is(tokens[i - 1], "symbol", ":")
    local name = called and (is(tokens[i + 1], "symbol", "(") and tokens[i + 2] or tokens[i + 1])
    if is(name, "string") then list[#list + 1] = { name = name.text, line = name.line } end
  end
  return list
end

--- Where the deployment has a module, or would have it.
---@param module string
---@return string path
function M.path_of(module)
  if module:match("%.lua$") then return module end
  local path = module:gsub("%.", "/")
  return native.deployment_has(path .. ".lua") and path .. ".lua" or path .. "/init.lua"
end

local function is_there(module)
  if native.preloaded(module) or native.deployment_has(M.path_of(module)) then return true end
  local path = module:gsub("%.", "/")
  return native.standard(path .. ".lua") ~= nil or native.standard(path .. "/init.lua") ~= nil
end

local function standard_names()
  local names = {}
  for _, path in ipairs(native.standards()) do
    names[#names + 1] = path:gsub("/init%.lua$", ""):gsub("%.lua$", ""):gsub("/", ".")
  end
  return names
end

---@param file dunite.check.File
---@return string[] findings
function M.check(file)
  local findings = {}
  for _, module in ipairs(M.required(file.tokens)) do
    if not is_there(module.name) then
      findings[#findings + 1] = ("%s:%d: there is no module '%s'%s (a.b is a/b.lua in the deployment's folder)"):format(
        file.path, module.line, module.name, text.did_you_mean(module.name, standard_names()))
    end
  end
  return findings
end

return M
