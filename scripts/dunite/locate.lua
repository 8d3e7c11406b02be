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

-- Where the nth table begins in the list that the source returns; nil when it is made otherwise.
local function entry(tokens, number)
  local depth, count, open = 0, 0, nil
  for i, token in ipairs(tokens) do
    local symbol = token.kind == "symbol" and token.text
    if not open then
      if symbol == "{" and tokens[i - 1] and tokens[i - 1].text == "return" then open = i end
    elseif symbol == "{" or symbol == "(" then
      depth = depth + 1
      if symbol == "{" and depth == 1 then count = count + 1 end
      if symbol == "{" and depth == 1 and count == number then return i end
    elseif symbol == "}" or symbol == ")" then
      depth = depth - 1
      if depth < 0 then return nil end
    end
  end
end

-- The line of a key within that entry, or of the entry.
local function entry_line(tokens, number, key)
  local first = entry(tokens, number)
  if not first then return nil end
  local line, at, last = tokens[first].line, first, entry(tokens, number + 1) or #tokens
  for name in key:gmatch("[^.%[%]]+") do
    local found = after(tokens, at, name)
    if not found or found > last then break end
    at, line = found, tokens[found].line
  end
  return line
end

--- "FILE: application 2.slug: what" becomes "FILE:LINE: …", in place; the same for members.
---@param findings string[]
---@param file string
---@param source string
function M.add_entry_lines(findings, file, source)
  local tokens = lexer.tokens(source)
  for i, finding in ipairs(findings) do
    if finding:sub(1, #file + 2) == file .. ": " then
      local number, key = finding:sub(#file + 3):match("^%l+ (%d+)%.?([%w_.%[%]]*):")
      local line = number and entry_line(tokens, tonumber(number), key)
      if line then findings[i] = ("%s:%d%s"):format(file, line, finding:sub(#file + 1)) end
    end
  end
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
