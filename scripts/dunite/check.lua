-- Looks at the deployment's own scripts, also at what did not run: dunite.lua, the modules it names, and all that they
-- require. What would break is a finding. What is only suspicious (a handler that seems to give no answer) is a
-- suspicion: a finding of `dunite check`, a warning in the log of `dunite serve`.

local native = require "dunite.native"
local answers = require "dunite.check.answers"
local declared = require "dunite.check.declared"
local globals = require "dunite.check.globals"
local lexer = require "dunite.lexer"
local modules = require "dunite.check.modules"
local syntax = require "dunite.syntax"
local totality = require "dunite.totality"

local M = {}

---@class dunite.check.File
---@field path string
---@field source string
---@field tokens dunite.Token[]
---@field syntax? { globals: dunite.syntax.Global[], functions: dunite.syntax.Function[] } -- nil: cannot be read

local function read(path)
  local source = native.deployment_has(path) and native.read_file(path)
  if not source then return nil end
  return { path = path, source = source, tokens = lexer.tokens(source), syntax = syntax.read(source) }
end

--- The deployment's files that are reached from these modules, with dunite.lua first.
---@param named string[]
---@return dunite.check.File[]
function M.files(named)
  local files, seen, todo = {}, {}, { "dunite.lua" }
  for _, module in ipairs(named) do todo[#todo + 1] = modules.path_of(module) end
  while #todo > 0 do
    local path = table.remove(todo, 1)
    local file = not seen[path] and read(path) or nil
    seen[path] = true
    if file then
      files[#files + 1] = file
      for _, module in ipairs(modules.required(file.tokens)) do todo[#todo + 1] = modules.path_of(module.name) end
    end
  end
  return files
end

--- In the order of files and lines, for a reader.
---@param list string[]
function M.sort(list)
  local function place(finding)
    local file, line = finding:match("^([^:]*):(%d+):")
    return file or "", tonumber(line) or 0
  end
  table.sort(list, function(a, b)
    local file_a, line_a = place(a)
    local file_b, line_b = place(b)
    if file_a ~= file_b then return file_a < file_b end
    if line_a ~= line_b then return line_a < line_b end
    return a < b
  end)
end

local function add(list, found) table.move(found, 1, #found, #list + 1, list) end

---@class dunite.check.App
---@field settings table
---@field routes table[]      -- as the router has them

--- What is wrong, and what is suspicious, as "FILE:LINE: what, and what to write".
---@param named string[]
---@param app dunite.check.App
---@return string[] findings, string[] suspicions
function M.deployment(named, app)
  local findings, suspicions = {}, {}
  local files = M.files(named)
  for _, file in ipairs(files) do
    add(findings, totality.check(file.source, file.path))
    for _, look in ipairs { globals.check, declared.check, modules.check } do add(suspicions, look(file, app)) end
  end
  add(suspicions, answers.check(files, app.routes))
  return findings, suspicions
end

return M
