-- The recipe of errors.md for a new kind of error: what it says that compiler and loader say. A kind cannot be added
-- while specs run, so here one that is there is forgotten; tests/compile_fail adds the recipe's own row.

local t = require "dunite.test"

local ROOT = t.root .. "/../"

local function read(path)
  local file <close> = assert(io.open(ROOT .. path))
  return file:read "a"
end

local recipe = read("docs/errors.md"):match "## Add an error kind\n(.*)"

-- The script with its lines changed; each change must find its line.
local function changed(path, changes)
  local source = read("scripts/" .. path)
  for from, to in pairs(changes) do
    local first, last = source:find(from, 1, true)
    assert(first, from)
    source = source:sub(1, first - 1) .. to .. source:sub(last + 1)
  end
  return source
end

-- Why a deployment with this copy of the script does not start.
local function refusal(path, source, vertical)
  local started, why = pcall(t.app, { files = {
    ["dunite.lua"] = 'return require "dunite".deployment { name = "recipe", routes = "routes" }',
    ["routes.lua"] = ('require "dunite.verticals.%s" return function() end'):format(vertical),
    [path] = source,
  } })
  assert.is_false(started)
  return why
end

describe("the recipe for an error kind", function()
  it("has the row that a test compiles", function()
    local row = recipe:match "DU_ERROR%b()"
    assert.is_truthy(read("tests/compile_fail/CMakeLists.txt"):find(row:gsub('"', '\\"'), 1, true))
  end)

  it("names the switch that the compiler names", function()
    local path, number, column = recipe:match "(bindings/[%w_]+%.c):(%d+):(%d+): error: enumeration value"
    local line = 0
    for text in read(path):gmatch "([^\n]*)\n" do
      line = line + 1
      if line == tonumber(number) then assert.matches("^switch %(kind%)", text:sub(tonumber(column))) end
    end
    assert.is_true(line > tonumber(number))
  end)

  it("tells what loading says of a mirror that forgets a kind", function()
    local path, said = recipe:match "dunite:scripts/(dunite/errors/download%.lua)(:[^\n]+)"
    local why = refusal(path, changed(path, {
      ['    Cancelled = "Abandoned",\n'] = "", ['    Abandoned = "Cancelled",\n'] = "",
    }), "download")
    assert.is_truthy(why:find(path .. said:gsub("Quota", "Cancelled"), 1, true), why)
  end)

  it("tells what loading says of the matcher, once the mirror has the kind", function()
    local path, said = recipe:match "scripts/(dunite/errors/oci%.lua)(:%d+: this matcher [^(]+%(write one arm [%a ]+)"
    local why = refusal(path, changed(path, {
      ["  into = {\n"] = "  into = {\n    -- the new kind\n", ["  back = {\n"] = "  back = {\n    -- the new kind\n",
      ["  Abandoned = unavailable,\n"] = "",
    }), "oci")
    assert.is_truthy(why:find(path .. said:gsub("RegistryQuota", "Abandoned"), 1, true), why)
  end)
end)
