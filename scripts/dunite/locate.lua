-- Where a setting stands: the line of dunite.lua, for messages.

local lexer = require "dunite.lexer"

local M = {}

local function after(tokens, from, name)
  for i = from, #tokens do
    local token = tokens[i]
    if (token.kind == "name" or token.kind == "string") and token.text == name then return i end
  end
end

--- The line of a key such as "limits.downloads.daily_cap" or "listen[2]": as far along as it can be followed.
---@param tokens dunite.Token[]
---@param key string
---@return integer? line
function M.line(tokens, key)
  local at, line = after(tokens, 1, "deployment") or 1, nil
  for name in key:gmatch("[^.%[%]]+") do
    local found = after(tokens, at, name)
    if not found then break end
    at, line = found, tokens[found].line
  end
  return line
end

--- "FILE: key: what" becomes "FILE:LINE: key: what", in place.
---@param findings string[]
---@param file string
---@param source string
function M.add_lines(findings, file, source)
  local tokens = lexer.tokens(source)
  for i, finding in ipairs(findings) do
    local key, rest = finding:match("^" .. file:gsub("%p", "%%%0") .. ": ([%w_.%[%]]+): (.*)$")
    local line = key and M.line(tokens, key)
    if line then findings[i] = ("%s:%d: %s: %s"):format(file, line, key, rest) end
  end
end

return M
