local text = require "dunite.text"

describe("a duration", function()
  it("is a number of seconds, or has a unit", function()
    assert.equal(10000, text.milliseconds(10))
    assert.equal(500, text.milliseconds(0.5))
    assert.equal(10000, text.milliseconds "10")
    assert.equal(250, text.milliseconds "250ms")
    assert.equal(300000, text.milliseconds "5m")
    assert.equal(5400000, text.milliseconds "1.5h")
    assert.equal(86400000, text.milliseconds "1d")
  end)

  it("is nothing else", function()
    for _, wrong in ipairs { "", "ten", "10 parsecs", "-1s", "5M", "1d2h", {}, true } do
      assert.is_nil(text.milliseconds(wrong))
    end
  end)
end)

describe("a size", function()
  it("is bytes, or has a unit", function()
    assert.equal(50 << 30, text.bytes "50GiB")
    assert.equal(10000000, text.bytes "10MB")
    assert.equal(1536, text.bytes "1.5KiB")
    assert.equal(7, text.bytes(7))
    assert.equal("integer", math.type(text.bytes "1TiB"))
  end)

  it("is nothing else", function()
    for _, wrong in ipairs { "50gib", "GiB", "-1", "1 2", {} } do assert.is_nil(text.bytes(wrong)) end
  end)
end)

describe("the nearest name", function()
  it("is found for a slip of the finger", function()
    assert.equal("daily_cap", text.nearest("dayly_cap", { "concurrency", "daily_cap" }))
    assert.equal("GET", text.nearest("get", { "POST", "GET" }))
  end)

  it("is not made up for something else", function()
    assert.is_nil(text.nearest("banana", { "concurrency", "daily_cap" }))
    assert.equal("", text.did_you_mean("banana", { "concurrency" }))
  end)
end)
