-- Reads Lua source as tokens, for the checks that look at code which did not run (dunite.totality).

local M = {}

---@class dunite.Token
---@field kind "name"|"string"|"number"|"symbol"
---@field text string     -- a string's is what is between its quotes, escapes as written
---@field line integer
---@field at integer      -- where it begins in the source

-- The end of a long bracket that opens at `at` ("[[", "[==["), and where its text begins; nil when none opens there.
local function long_bracket(source, at)
  local level, first = source:match("^%[(=*)%[()", at)
  if not level then return nil end
  local close, last = source:find("]" .. level .. "]", first, true)
  return last or #source, first, (close or #source + 1) - 1
end

local function quoted_end(source, at)
  local quote, i = source:sub(at, at), at + 1
  while i <= #source do
    local c = source:sub(i, i)
    if c == quote or c == "\n" then return i end
    i = i + (c == "\\" and 2 or 1)
  end
  return #source
end

local function skip_comment(source, at)
  local last = long_bracket(source, at + 2)
  if last then return last + 1 end
  return (source:find("\n", at, true) or #source) + 1
end

-- The token at `at`: its kind, its text, and where it ends. What is none of the others is a symbol of one character;
-- that is enough for those who ask.
local function token_at(source, at)
  local c = source:sub(at, at)
  local name = source:match("^[%a_][%w_]*", at)
  if name then return "name", name, at + #name - 1 end
  local number = source:match("^%d[%w.]*", at)
  if number then return "number", number, at + #number - 1 end
  if c == '"' or c == "'" then
    local last = quoted_end(source, at)
    return "string", source:sub(at + 1, last - 1), last
  end
  local last, first, final = long_bracket(source, at)
  if last then return "string", source:sub(first, final), last end
  return "symbol", c, at
end

--- All tokens of a source, comments left out.
---@param source string
---@return dunite.Token[]
function M.tokens(source)
  local tokens, at, line, counted = {}, 1, 1, 1
  while true do
    at = source:find("%S", at)
    if not at then return tokens end
    if source:sub(at, at + 1) == "--" then
      at = skip_comment(source, at)
    else
      line = line + select(2, source:sub(counted, at - 1):gsub("\n", ""))
      counted = at
      local kind, text, last = token_at(source, at)
      tokens[#tokens + 1] = { kind = kind, text = text, line = line, at = at }
      at = last + 1
    end
  end
end

return M
