-- Handlers that cannot return an answer: no return gives anything, and nothing is raised.

local M = {}

-- The functions of a file that begin on a line.
local function functions_at(file, line)
  local list = {}
  for _, each in ipairs(file.syntax and file.syntax.functions or {}) do
    if each.line == line then list[#list + 1] = each end
  end
  return list
end

-- The file that a place ("DIR/routes.lua:27") is in.
local function file_of(files, where)
  local path, line = where:match("^(.*):(%d+)$")
  for _, file in ipairs(files) do
    if path == file.path or path and path:sub(-#file.path - 1) == "/" .. file.path then return file, tonumber(line) end
  end
end

-- Where several functions begin on one line, any of them may be the handler.
local function is_silent(functions)
  for _, each in ipairs(functions) do
    if each.values > 0 or each.raises then return false end
  end
  return functions[1] ~= nil
end

---@param files dunite.check.File[]
---@param routes table[]
---@return string[] findings
function M.check(files, routes)
  local findings, told = {}, {}
  for _, route in ipairs(routes) do
    local file, line = file_of(files, route.where)
    if file and not told[route.where] and is_silent(functions_at(file, line)) then
      told[route.where] = true
      findings[#findings + 1] = ("%s:%d: the handler of %s %s gives no answer (write return answer.…)"):format(
        file.path, line, route.method, route.pattern)
    end
  end
  return findings
end

return M
