local syntax = require "dunite.syntax"

local function globals(source)
  local names = {}
  for i, global in ipairs(syntax.read(source).globals) do
    local more = global.assigned and "=" or global.field and "." .. global.field or ""
    names[i] = global.name .. global.line .. more
  end
  return names
end

local function functions(source) return syntax.read(source).functions end

describe("reading a source", function()
  it("finds the names that nobody declared, with their lines", function()
    assert.same({ "print1", "b2", "c3=", "os4.exit" }, globals "print(1)\nlocal a = b\nc = a\nos.exit(a)")
  end)

  it("knows what a block, a loop, a function and its parameters declare", function()
    assert.same({ "x1" }, globals "local x = x return x")
    assert.same({}, globals "local function f(n) return n == 0 and f or f(n - 1) end return f")
    assert.same({ "f1" }, globals "local f = function() return f end")
    assert.same({ "i1" }, globals "for i = 1, 2 do local _ = i end return i")
    assert.same({ "pairs1" }, globals "for k, v in pairs {} do local _ = k .. v end")
    assert.same({}, globals "local t = {} function t.a.b:c(...) return self, t, ... end")
    assert.same({ "a1" }, globals "repeat local a = 1 until a > 1 return a")
    assert.same({ "x1=", "y1=" }, globals "x, y = 1, 2")
    assert.same({}, globals "local a <const>, b <close> = 1, nil do local c = a goto on ::on:: return b, c end")
  end)

  it("is not misled by keys, fields, methods, strings and comments", function()
    assert.same({}, globals [==[
      local t = { key = 1, ["other"] = 2, [3] = .5; 4 }
      t.field.more = t:method "text" { 1 } (2) -- outer
      local s = "global" .. [[ global ]] .. #t // 2 ~ 3 << 1 return s ]==])
  end)

  it("tells of each function whether it gives something", function()
    local list = functions [[
      local function silent() return end
      local function literal(x) if x then return nil end return "text" end
      local function gives() return answer.text "x" end
      local function raises() error(answer) end
      local function outer() local f = function() return answer end f() end
    ]]
    local told = {}
    for i, each in ipairs(list) do told[i] = { each.line, each.values, each.raises } end
    assert.same({ { 1, 0, false }, { 2, 0, false }, { 3, 1, false }, { 4, 0, true }, { 5, 0, false }, { 5, 1, false } },
      told)
  end)

  it("gives up on what it cannot read", function() assert.is_nil(syntax.read "local = =") end)
end)
