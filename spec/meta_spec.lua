-- What editors are told (scripts/dunite/meta) is what there is. tests/bindings/test_registered.c compares the rest.

local native = require "dunite.native"
local enum = require "dunite.enum"
local t = require "dunite.test"

local META = t.root .. "/../scripts/dunite/meta/"

-- The fields of each class, in order.
local function classes(file)
  local found, last = {}, nil
  for line in io.lines(META .. file) do
    local class = line:match "^%-%-%-@class ([%w_.]+)"
    if class then
      last = {}
      found[class] = last
    end
    local field = line:match "^%-%-%-@field ([%w_]+)"
    if field and last then last[#last + 1] = field end
  end
  return found
end

local function source_of(file)
  local handle <close> = assert(io.open(file))
  return handle:read "a"
end

-- Of the engine, and of the standard verticals.
local function enums()
  local list = {}
  for name in pairs(native.rows) do list[#list + 1] = name end
  for _, file in ipairs { "download", "oci" } do
    local source = source_of(t.root .. "/../scripts/dunite/errors/" .. file .. ".lua")
    list[#list + 1] = source:match 'errors%.mirror "(%w+)"'
    require("dunite.errors." .. file)
  end
  return list
end

describe("the declarations of enums", function()
  local declared = classes "enums.lua"

  for _, name in ipairs(enums()) do
    it("have every variant of " .. name .. ", and an arm for each", function()
      local variants = enum.variants(enum.named(name))
      table.sort(variants)
      for _, class in ipairs { "dunite.enum." .. name, "dunite." .. name .. ".Arms" } do
        assert.is_table(declared[class], class)
        table.sort(declared[class])
        assert.same(variants, declared[class], class)
      end
    end)
  end

  it("are of enums that there are", function()
    local known = {}
    for _, name in ipairs(enums()) do known[name] = true end
    for class in pairs(declared) do
      local name = class:match "^dunite%.enum%.(%w+)$"
      assert.is_true(name == nil or known[name] == true, class)
    end
  end)
end)

describe("the declarations of what specs have", function()
  local described = { ["native.spec"] = {}, spec_engine = {} }
  for line in io.lines(META .. "spec.lua") do
    local where, name = line:match "^function ([%w_.]+)[.:]([%w_]+)%("
    if described[where] then described[where][name] = true end
  end

  local function compare(functions, where)
    local names, wanted = {}, {}
    for name in pairs(functions) do names[#names + 1] = name end
    for name in pairs(described[where]) do wanted[#wanted + 1] = name end
    table.sort(names)
    table.sort(wanted)
    assert.is_true(#names > 3)
    assert.same(wanted, names)
  end

  it("are those of dunite.native.spec", function() compare(native.spec, "native.spec") end)

  it("are those of an engine under test", function()
    compare(require("dunite.test.boxes").methods["dunite.native.SpecEngine"], "spec_engine")
  end)
end)
