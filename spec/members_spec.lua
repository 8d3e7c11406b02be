local errors = require "dunite.errors"
local members = require "dunite.members"

-- What is answered where the check of a password gives that problem.
local function refusal(problem)
  local made = members.new { name = "spec", issuer = function() end, service = function() end }
  function made.verify() return nil, problem end
  local ok, raised = pcall(made.require, made, {
    bearer = function() end, basic = function() return "ada", "wrong" end, client = function() return "10.0.0.1" end,
  })
  assert.is_false(ok)
  return { raised.status, raised.reason, raised.headers["retry-after"] }
end

describe("who cannot be let in", function()
  it("is 401 with a wrong password", function() assert.same({ 401, "unauthorized" }, refusal(nil)) end)

  it("is 429 after too many of them, with the time to wait", function()
    assert.same({ 429, "too_many_failures", "7" }, refusal(errors.new("Overloaded", { retry_after = 7 })))
  end)

  it("is 503 when too many passwords wait to be checked: nobody is to blame", function()
    assert.same({ 503, "overloaded" }, refusal(errors.new("Overloaded")))
  end)
end)
