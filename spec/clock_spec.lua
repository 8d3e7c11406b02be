-- The engine's clock, as scripts find it.

local t = require "dunite.test"

describe("the clock of scripts", function()
  local app
  setup(function()
    local deployment = [[
      local dunite, answer = require "dunite", require "dunite.answer"
      return dunite.deployment {
        routes = function(app)
          app:get("/", function()
            return answer.json {
              time = os.time(), today = os.date("!%Y-%m-%d"), then_ = os.date("!%Y", 0),
              made = os.time { year = 2000, month = 1, day = 1, hour = 12 } > 0, wall = dunite.clock.wall(),
            }
          end)
        end,
      }]]
    app = t.app { at = "2026-01-31T23:59:50Z", files = { ["dunite.lua"] = deployment } }
  end)

  it("is the engine's in os.time and os.date too, and specs move it", function()
    local before = app:get("/"):json()
    assert.equal(before.wall // 1000, before.time)
    assert.equal("2026-01-31", before.today)
    t.clock:advance("10s")
    local after = app:get("/"):json()
    assert.equal(before.time + 10, after.time)
    assert.equal("2026-02-01", after.today)
  end)

  it("leaves what os.time and os.date make of a time alone", function()
    local got = app:get("/"):json()
    assert.equal("1970", got.then_)
    assert.is_true(got.made)
  end)
end)
