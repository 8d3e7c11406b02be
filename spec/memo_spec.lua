local memo = require "dunite.memo"

describe("a memo", function()
  local made
  local function fresh()
    made = {}
    return memo.new(function(text)
      made[#made + 1] = text
      if text == "bad" then return nil, "why" end
      return { text }
    end)
  end

  it("makes a thing once, and gives it again", function()
    local of = fresh()
    assert.equal(of "a", of "a")
    assert.same({ "a" }, of "a")
    assert.same({ "a" }, made)
  end)

  it("keeps nothing of what is refused, and says why each time", function()
    local of = fresh()
    for _ = 1, 2 do assert.same({ nil, "why" }, { of "bad" }) end
    assert.same({ "bad", "bad" }, made)
  end)

  it("keeps no long text", function()
    local of, long = fresh(), ("x"):rep(2049)
    assert.same({ long }, of(long))
    of(long)
    assert.equal(2, #made)
  end)

  it("is bounded: strangers who make up texts only make it forget", function()
    local of = fresh()
    local first = of "a"
    for i = 1, 511 do of("text " .. i) end
    assert.equal(first, of "a")
    of "one more"
    assert.same(first, of "a")
    assert.not_equal(first, of "a")
  end)
end)
