local answer = require "dunite.answer"
local dunite = require "dunite"
local enum = require "dunite.enum"
local errors = require "dunite.errors"
local native = require "dunite.native"

local function json(made) return native.json.decode(made:finish("00000000000000aa").body) end

describe("an answer", function()
  it("has its data and the request's id", function()
    assert.same({ data = { 1, 2 }, meta = { request_id = "00000000000000aa" } }, json(answer.data { 1, 2 }))
  end)

  it("keeps an empty list a list, and integers exact", function()
    local made = answer.data { none = setmetatable({}, native.json.array), big = 9007199254740991 }
    assert.equal('{"data":{"big":9007199254740991,"none":[]},"meta":{"request_id":"x"}}', made:finish("x").body)
  end)

  it("that refuses has code and message", function()
    local made = json(answer.not_found "Asset")
    assert.same({ code = "not_found", message = "Asset does not exist." }, made.error)
    assert.equal("00000000000000aa", made.meta.request_id)
  end)

  it("to a denial is 429, with Retry-After where it is known", function()
    local made = answer.too_many("download_daily_limit", 10)
    assert.equal(429, made.status)
    assert.equal("10", made.headers["retry-after"])
    assert.equal("download_daily_limit", made.reason)
    assert.is_nil(answer.too_many("download_concurrency_limit").headers["retry-after"])
  end)

  it("to an error has its status, and tells no secret", function()
    for _, kind in ipairs(enum.variants(dunite.ErrorKind)) do
      local made = answer.error(errors.new(kind, { message = "token hunter2 refused" }))
      local status = errors.new(kind).http
      assert.equal(status == 499 and 503 or status, made.status)
      assert.is_nil(made:finish("x").body:find("hunter2", 1, true))
      assert.equal(kind, made.problem.variant)
    end
  end)

  it("passes upstream's 401, 403 and 429 on as a plain 502", function()
    for _, status in ipairs { 401, 403, 429 } do
      assert.equal(502, answer.error(errors.new("Upstream", { status = status, retry_after = 5 })).status)
    end
  end)

  it("says when to come again, when we shed it", function()
    assert.equal("3", answer.error(errors.new("Overloaded", { retry_after = 3 })).headers["retry-after"])
  end)

  it("to a denial or a problem is found by refuse", function()
    local denied = setmetatable({ variant = "DailyCap", reset_in_secs = 9 }, enum.denial_meta)
    assert.equal("9", answer.refuse(denied).headers["retry-after"])
    assert.equal(502, answer.refuse(errors.new "Transport").status)
  end)
end)

describe("an attachment's name", function()
  local function disposition(name)
    return answer.text(""):attachment(name).headers["content-disposition"]
  end

  it("is quoted as it is when it is plain", function()
    assert.equal('attachment; filename="tool-1.0_x.tar.gz"', disposition "tool-1.0_x.tar.gz")
  end)

  it("cannot break out of its quotes or its line", function()
    assert.equal([[attachment; filename="a__ __b"; filename*=UTF-8''a%22%3B%20%0D%0Ab]], disposition 'a"; \r\nb')
    assert.equal([[attachment; filename="a_b"; filename*=UTF-8''a%5Cb]], disposition [[a\b]])
  end)

  it("is exact for those who read UTF-8", function()
    assert.equal("attachment; filename=\"__ber.zip\"; filename*=UTF-8''%C3%BCber.zip", disposition "über.zip")
  end)
end)
