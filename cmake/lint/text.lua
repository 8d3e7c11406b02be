-- What the checks share: the sources, and C text without what the rules are not about.

local text = {}

--- The files below the folders, sorted, whose names end in one of the endings.
---@param folders string[]
---@param endings string[]
---@return string[]
function text.files(folders, endings)
  local found = {}
  local list = assert(io.popen("find " .. table.concat(folders, " ") .. " -type f 2>/dev/null | sort"))
  for name in list:lines() do
    for _, ending in ipairs(endings) do
      if name:sub(-#ending) == ending then found[#found + 1] = name end
    end
  end
  list:close()
  return found
end

---@param name string
---@return string
function text.read(name)
  local file = assert(io.open(name, "rb"))
  local content = file:read("a")
  file:close()
  return content
end

--- The lines of a text, without their line ends.
---@param content string
---@return string[]
function text.lines(content)
  local lines = {}
  for line in (content:gsub("\n?$", "\n")):gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  return lines
end

local function blank(part)
  return (part:gsub("[^\n]", " "))
end

-- The first position at or after `from` where a comment or a literal begins, and which sort it is.
local function next_opening(content, from)
  local position = content:find("[\"'/]", from)
  while position do
    local two = content:sub(position, position + 1)
    if two == "/*" or two == "//" then return position, two end
    if two:sub(1, 1) ~= "/" then return position, two:sub(1, 1) end
    position = content:find("[\"'/]", position + 1)
  end
end

local function closing(content, position, sort)
  local last
  if sort == "/*" then
    last = select(2, content:find("*/", position + 2, true))
  elseif sort == "//" then
    last = (content:find("\n", position, true) or #content + 1) - 1
  else
    last = position + 1
    while last <= #content and content:sub(last, last) ~= sort do
      last = last + (content:sub(last, last) == "\\" and 2 or 1)
    end
  end
  return last or #content
end

--- C source with comments and literals blanked out, line for line; the names of includes stay.
---@param content string
---@return string
function text.code_of_c(content)
  local out, from = {}, 1
  while true do
    local position, sort = next_opening(content, from)
    if not position then break end
    local last = closing(content, position, sort)
    local line_so_far = content:sub(1, position - 1):match("[^\n]*$")
    local is_include = sort == '"' and line_so_far:find("^%s*#%s*include%s*$")
    out[#out + 1] = content:sub(from, position - 1)
    out[#out + 1] = is_include and content:sub(position, last) or blank(content:sub(position, last))
    from = last + 1
  end
  out[#out + 1] = content:sub(from)
  return table.concat(out)
end

return text
