local lexer = require "dunite.lexer"
local locate = require "dunite.locate"
local totality = require "dunite.totality"

local function check(source) return (totality.check(source, "routes.lua")) end

describe("code that did not run", function()
  it("is found to have a matcher that is not total", function()
    assert.same({
      "routes.lua:2: this matcher is not total: no arm for DailyCap (write one for each of Concurrency, DailyCap)",
    }, check [[
      app:get("/x", function(req)
        return dunite.matcher(dunite.LimitDenial) {
          Concurrency = function() return { DailyCap = 1 } end,
        }
      end)]])
  end)

  it("is found to have an arm that is no variant", function()
    assert.same({
      "routes.lua:1: this matcher is not total: no arm for DailyCap; an arm for 'DailyCaps', which is no variant, " ..
        "did you mean 'DailyCap'? (write one for each of Concurrency, DailyCap)",
    }, check "local m = matcher(LimitDenial) { Concurrency = a, DailyCaps = b }")
  end)

  it("is found to name a variant that does not exist", function()
    assert.same({ "routes.lua:2: LimitDenial has no variant 'Concurency', did you mean 'Concurrency'?" },
      check "function f(x)\nreturn x == dunite.LimitDenial.Concurency end")
  end)

  it("is found to have a mirror that is not total", function()
    local findings = check 'errors.mirror "E" { into = { NotFound = "A", Upstream = "B" }, back = { A = "NotFound" } }'
    assert.equal(1, #findings)
    assert.matches("^routes%.lua:1: the mirror E is not total: no arm for Transport; no arm for Timeout;", findings[1])
  end)

  it("is fine when it is total", function()
    assert.same({}, check [[
      local m = dunite.matcher(LimitDenial, ErrorClass) {
        Concurrency = function(d) local DailyCap = { Local = 1 } end, DailyCap = f,
        NotFound = f, Upstream = f, Local = f,
      }
      if LimitDenial:has("x") or LimitDenial.name == ErrorKind.Transport then return LimitDenial.DailyCap end
    ]])
  end)

  it("is left alone where it is not plain to read", function()
    assert.same({}, check [[
      -- dunite.matcher(LimitDenial) {}
      local text = "dunite.matcher(LimitDenial) {}" .. [=[ LimitDenial.Nothing ]=]
      local other = dunite.matcher(Mine) { A = f }
      local computed = dunite.matcher(LimitDenial) { [name] = f }
      local given = dunite.matcher(LimitDenial)(arms)
    ]])
  end)

end)

describe("a lexer", function()
  it("keeps lines through strings and comments", function()
    local lines = {}
    for _, token in ipairs(lexer.tokens 'a --[[ x\n]] b\n"q\\"\\\n" c [==[\n]]\n]==] d -- e\nf') do
      lines[#lines + 1] = token.text:match "^%a$" and token.text .. token.line or nil
    end
    assert.same({ "a1", "b2", "c4", "d6", "f7" }, lines)
  end)
end)

describe("a setting's place", function()
  local source = 'local x = "limits"\nreturn dunite.deployment {\n  limits = {\n    few = { daily_cap = "x" },\n  },\n}'

  it("is the line where it is written", function()
    local findings = { "dunite.lua: limits.few.daily_cap: found x", "dunite.lua: name: is missing", "x.lua: limits: x" }
    locate.add_lines(findings, "dunite.lua", source)
    assert.same({ "dunite.lua:4: limits.few.daily_cap: found x", "dunite.lua: name: is missing", "x.lua: limits: x" },
      findings)
  end)

  it("is that of what it would be in, where it is missing itself", function()
    assert.equal(4, locate.line(lexer.tokens(source), "limits.few.concurrency"))
  end)
end)
