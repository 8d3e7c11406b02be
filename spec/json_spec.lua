local json = require "dunite".json

describe("JSON", function()
  it("comes back as it was", function()
    local value = { text = 'a"b\\c\n\0ü', whole = -7, real = 0.5, yes = true, list = { 1, { a = "b" } } }
    value.none = json.null
    assert.same(value, json.decode(json.encode(value)))
  end)

  it("keeps arrays arrays, also empty ones", function()
    assert.equal('{"a":[],"b":{}}', json.encode { a = setmetatable({}, json.array), b = {} })
    assert.equal('[[],{}]', json.encode(json.decode "[[],{}]"))
  end)

  it("keeps integers exact, and refuses what a double cannot hold", function()
    assert.equal("9007199254740991", json.encode(json.decode "9007199254740991"))
    assert.equal("[1,2.5]", json.encode { 1, 2.5 })
    assert.is_nil((json.decode "9007199254740993"))
    assert.is_nil((json.decode "123456789012345678901234567890"))
  end)

  it("is written with sorted keys", function()
    assert.equal('{"a":1,"b":2,"c":3}', json.encode { c = 3, a = 1, b = 2 })
  end)

  it("is refused with a reason when it is none", function()
    for _, wrong in ipairs { "", "{", "[1,]", '{"a"}', "nul", "01", '"\1"', '"\\x"', '"\xff"', "[1] 2", "NaN" } do
      local value, reason = json.decode(wrong)
      assert.is_nil(value, wrong)
      assert.is_string(reason, wrong)
    end
  end)

  it("is read as lua-cjson reads it, where that is right", function()
    local cjson = require "cjson"
    local seed = 20261127
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed // 65536 % n
    end
    local texts = { "", "a", 'q"\\', "\n\t\0", "ü€😀", ("long "):rep(50) }
    local function value(depth)
      local sort = random(depth > 4 and 5 or 7)
      if sort == 0 then return json.null end
      if sort == 1 then return random(2) == 1 end
      if sort == 2 then return (random(32768) - 16384) * 2 ^ (random(80) - 40) end
      if sort == 3 then return random(32768) * 32768 * random(2) - random(32768) end
      if sort == 4 then return texts[random(#texts) + 1] .. random(100) end
      local made = sort == 5 and setmetatable({}, json.array) or {}
      for i = 1, random(6) do made[sort == 5 and i or texts[random(#texts) + 1] .. i] = value(depth + 1) end
      return made
    end
    for _ = 1, 500 do
      local text = json.encode(value(0))
      assert.same(cjson.decode(text), json.decode(text))
    end
  end)

  it("may not be deeper than 64", function()
    assert.is_table(json.decode(("["):rep(64) .. ("]"):rep(64)))
    assert.is_nil((json.decode(("["):rep(65) .. ("]"):rep(65))))
  end)
end)
