-- The manual's pages, as the specs read them: blocks between fences, and tables.

local M = {}

--- The name of every page below the folder.
M.NAMES = {
  "README", "configure", "routes", "limits-and-denials", "errors", "consumer", "single-flight", "downloads", "images",
  "proxy", "members", "oidc", "rules", "test", "edit", "explain", "run", "cli",
}

---@class docs.Block
---@field page string
---@field line integer     -- of its first line of text
---@field kind string      -- "lua", "http", "text", …
---@field what string      -- what follows the kind behind the fence
---@field text string

--- The lines of a page.
---@param folder string
---@param page string
---@return string[]
function M.lines(folder, page)
  local lines = {}
  local path = ("%s/%s.md"):format(folder, page)
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

--- The blocks of a page, in order.
---@return docs.Block[]
function M.blocks(folder, page)
  local blocks, open = {}, nil
  for number, line in ipairs(M.lines(folder, page)) do
    local info = line:match("^```(.*)$")
    if open and info then
      open.text = table.concat(open, "\n")
      blocks[#blocks + 1], open = open, nil
    elseif open then
      open[#open + 1] = line
    elseif info then
      local kind, what = info:match("^(%S*)%s*(.*)$")
      open = { page = page, line = number + 1, kind = kind, what = what }
    end
  end
  assert(not open, page .. ": a fence is not closed")
  return blocks
end

local function trimmed(text) return (text:match("^%s*(.-)%s*$")) end

local function cells_of(line)
  local cells = {}
  for cell in line:gsub("\\|", "\1"):gmatch("|([^|]*)") do
    cells[#cells + 1] = trimmed(cell:gsub("\1", "|"):gsub("`", ""))
  end
  cells[#cells] = nil -- behind the last bar
  return cells
end

--- The rows of all tables whose first column has that heading. Cells come without backquotes.
---@return string[][]
function M.rows(folder, page, heading)
  local rows, inside = {}, false
  for _, line in ipairs(M.lines(folder, page)) do
    local cells = line:match("^|") and cells_of(line)
    if not cells then
      inside = false
    elseif cells[1] == heading then
      inside = true
    elseif inside and not line:match("^|%s*%-") then
      rows[#rows + 1] = cells
    end
  end
  return rows
end

return M
