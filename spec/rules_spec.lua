-- docs/rules.md: every test that it names is there.

local t = require "dunite.test"

local ROOT = t.root .. "/.."

local function read(path)
  local file <close> = io.open(path)
  return file and file:read "a"
end

-- The tests of a row: { file, name } each, as "`file` name; name; `file` name".
local function tests_of(cell)
  local tests, file = {}, nil
  for part in cell:gmatch("[^;]+") do
    local named, name = part:match("^%s*`([^`]+)`%s*(.-)%s*$")
    file = named or file
    tests[#tests + 1] = { file, name or part:match("^%s*(.-)%s*$") }
  end
  return tests
end

local function is_there(file, name)
  local text = read(ROOT .. "/" .. file)
  if text and file:find "%.c$" then name = "%f[%w_]" .. name:gsub("[^%w]", "_") .. "%f[^%w_]" end
  return text ~= nil and text:find(name, 1, not file:find "%.c$") ~= nil
end

describe("the rules", function()
  it("have tests, and all of them are there", function()
    local rows = 0
    for rule, cell in assert(read(ROOT .. "/docs/rules.md")):gmatch("\n| ([^|]+) | ([^|]+) |%f[\n]") do
      if not rule:find "^rule" then
        rows = rows + 1
        for _, test in ipairs(tests_of(cell)) do
          assert.is_true(is_there(test[1], test[2]), ("%s: no '%s' in %s"):format(rule, test[2], test[1]))
        end
      end
    end
    assert.is_true(rows > 30)
  end)
end)
