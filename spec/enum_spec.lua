local dunite = require "dunite"
local enum = require "dunite.enum"
local errors = require "dunite.errors"

local LimitDenial, ErrorClass, ErrorKind = dunite.LimitDenial, dunite.ErrorClass, dunite.ErrorKind

local function nothing() end

describe("an enum", function()
  it("has exactly the two ways to be denied", function()
    assert.same({ "Concurrency", "DailyCap" }, enum.variants(LimitDenial))
  end)

  it("raises for a variant that does not exist, and names the nearest", function()
    assert.error_matches(function() return LimitDenial.Concurency end,
      "LimitDenial has no variant 'Concurency', did you mean 'Concurrency'%?")
  end)

  it("answers has() without raising", function()
    assert.is_true(LimitDenial:has "DailyCap")
    assert.is_false(LimitDenial:has "Daily")
  end)

  it("cannot be changed", function()
    assert.error_matches(function() LimitDenial.Weekly = "Weekly" end, "cannot be changed")
  end)

  it("is the same object when it is made again, and an error when it differs", function()
    local made = enum.new("SpecColours", { "Red", "Green" })
    assert.equal(made, enum.new("SpecColours", { "Red", "Green" }))
    assert.error_matches(function() enum.new("SpecColours", { "Red", "Blue" }) end, "exists with other variants")
  end)
end)

describe("a matcher", function()
  it("names every arm that is missing", function()
    assert.error_matches(function() dunite.matcher(LimitDenial) { Concurrency = nothing } end,
      "no arm for LimitDenial%.DailyCap")
  end)

  it("names an arm that is no variant, and the nearest", function()
    assert.error_matches(function()
      dunite.matcher(LimitDenial) { Concurrency = nothing, DailyCap = nothing, DailyCaps = nothing }
    end, "an arm for 'DailyCaps', which is no variant, did you mean 'DailyCap'%?")
  end)

  it("says where it was written", function()
    local _, message = pcall(function() dunite.matcher(LimitDenial) { Concurrency = nothing } end)
    assert.matches("enum_spec%.lua:%d+: this matcher is not total", message)
  end)

  it("refuses two enums that share a variant", function()
    local other = enum.new("SpecDenial", { "Concurrency" })
    assert.error_matches(function() dunite.matcher(LimitDenial, other) {} end,
      "variant 'Concurrency' is both in LimitDenial and in SpecDenial")
  end)

  it("takes an error by its class, and gives the other arguments on", function()
    local match = dunite.matcher(LimitDenial, ErrorClass) {
      Concurrency = nothing, DailyCap = nothing, NotFound = nothing, Local = nothing,
      Upstream = function(problem, extra) return problem.variant .. extra end,
    }
    assert.equal("Timeout!", match(errors.new "Timeout", "!"))
  end)

  it("raises for a value of no enum it knows", function()
    local match = dunite.matcher(LimitDenial) { Concurrency = nothing, DailyCap = nothing }
    assert.error_matches(function() match(errors.new "Io") end, "no value of LimitDenial: ErrorKind%.Io")
    assert.error_matches(function() match "Concurrency" end, "no value of LimitDenial")
  end)
end)

describe("a consumer from before Transport existed", function()
  -- It matches ErrorClass and tests single variants; a newer kind must not break it.
  local status = dunite.matcher(ErrorClass) {
    NotFound = function() return 404 end,
    Upstream = function() return 502 end,
    Local = function() return 500 end,
  }

  it("answers 502 when upstream is unreachable", function()
    local unreachable = errors.new "Transport"
    assert.is_false(errors.is(unreachable, "Upstream"))
    assert.equal(502, status(unreachable))
  end)
end)

describe("an error kind", function()
  it("raises in errors.is when it does not exist", function()
    assert.error_matches(function() errors.is(nil, "Trnsport") end, "did you mean 'Transport'%?")
  end)

  it("knows its class and status", function()
    for _, kind in ipairs(enum.variants(ErrorKind)) do
      local value = errors.new(kind)
      assert.is_true(ErrorClass:has(value.class))
      assert.is_true(math.type(value.http) == "integer")
      assert.equal(kind, value.kind)
    end
  end)

  it("can be tried again for Transport, Timeout, Overloaded, and upstream's 429 and 5xx only", function()
    local retryable = {}
    for _, kind in ipairs(enum.variants(ErrorKind)) do
      if errors.retryable(errors.new(kind)) then retryable[#retryable + 1] = kind end
    end
    assert.same({ "Transport", "Timeout", "Overloaded" }, retryable)
    assert.is_true(errors.retryable(errors.new("Upstream", { status = 429 })))
    assert.is_true(errors.retryable(errors.new("Upstream", { status = 503 })))
    assert.is_false(errors.retryable(errors.new("Upstream", { status = 403 })))
  end)
end)
