-- What is refunded, kind by kind: what was charged and then not delivered because of us or upstream.

local native = require "dunite.native"
local t = require "dunite.test"

-- By the contract: classes Local and Upstream, but for a wait that its own caller bounded, and what nobody wanted.
local function is_refunded(row)
  return row.class ~= "NotFound" and row.name ~= "WaitTimeout" and row.name ~= "Cancelled"
end

describe("a charge", function()
  local app = t.app {
    members = { "ada" },
    files = {
      ["dunite.lua"] = [[
        return require "dunite".deployment {
          limits = { downloads = { concurrency = 1, daily_cap = 100 } }, catalog = {}, routes = "routes",
        }]],
      ["routes.lua"] = [[
        local answer, errors = require "dunite.answer", require "dunite.errors"
        return function(app)
          local limit = app.limits.downloads
          app:get("/returns/:kind", function(req)
            local lease, problem = limit:acquire "ada"
            return lease and errors.new(req.params.kind) or problem
          end)
          app:get("/raises/:kind", function(req)
            assert(limit:acquire "ada")
            error(errors.new(req.params.kind))
          end)
          app:get("/used", function()
            local seen = limit:look "ada"
            return answer.json { seen.used, seen.running }
          end)
        end]],
    },
  }

  local function used()
    local seen = app:get("/used"):json()
    assert.equal(0, seen[2])
    return seen[1]
  end

  for _, way in ipairs { "returns", "raises" } do
    for _, row in ipairs(native.rows.ErrorKind) do
      it(("of a handler that %s %s is %s"):format(way, row.name, is_refunded(row) and "refunded" or "kept"), function()
        local before = used()
        app:get("/" .. way .. "/" .. row.name)
        assert.equal(is_refunded(row) and before or before + 1, used())
      end)
    end
  end
end)
