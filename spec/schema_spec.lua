local schema = require "dunite.schema"

local fields = {
  name = { type = "string", required = true },
  wait = { type = "duration", default = 1000 },
  room = { type = "size" },
  many = { type = "integer", min = 1, max = 9 },
  kind = { type = "choice", one_of = { "forgejo", "oci" } },
  list = { type = "list", of = { type = "string" } },
  parts = { type = "map", of = { type = "table", fields = { size = { type = "size", required = true } } } },
}

local function check(settings)
  local findings = {}
  return schema.check(settings, fields, findings, "dunite.lua"), findings
end

describe("a schema", function()
  it("gives what to use: units undone, defaults filled in", function()
    local used, findings = check { name = "a", room = "1KiB", many = "7", list = { "x" }, parts = { p = { size = 3 } } }
    assert.same({}, findings)
    assert.same({ name = "a", wait = 1000, room = 1024, many = 7, list = { "x" }, parts = { p = { size = 3 } } }, used)
  end)

  it("names file, key, what was found, what is allowed", function()
    local _, findings = check { name = "a", many = 12 }
    assert.same({ "dunite.lua: many: found 12, allowed is a whole number from 1 to 9" }, findings)
  end)

  it("names the nearest key for one that is not known", function()
    local _, findings = check { name = "a", wiat = 3 }
    assert.matches("^dunite%.lua: wiat: no such key, did you mean 'wait'%? %(known are kind, list,", findings[1])
  end)

  it("names the nearest of several choices", function()
    local _, findings = check { name = "a", kind = "forgjo" }
    local wanted = 'dunite.lua: kind: found "forgjo", allowed is one of forgejo, oci, did you mean \'forgejo\'?'
    assert.same({ wanted }, findings)
  end)

  it("tells all that is wrong, not the first only, and where in the depth", function()
    local _, findings = check { wait = "soon", list = { "x", 7 }, parts = { one = {}, two = { size = "big" } } }
    assert.equal(5, #findings)
    local all = table.concat(findings, "\n")
    assert.matches("dunite%.lua: name: is missing", all)
    assert.matches('dunite%.lua: wait: found "soon", allowed is seconds, or a duration such as "10s"', all)
    assert.matches("dunite%.lua: list%[2%]: found 7, allowed is a string", all)
    assert.matches("dunite%.lua: parts%.one%.size: is missing", all)
    assert.matches('dunite%.lua: parts%.two%.size: found "big", allowed is bytes, or a size', all)
  end)

  it("reports a variable that is not set under the key that wanted it", function()
    local unset = setmetatable({ message = "the environment variable X is not set" }, schema.Missing)
    local _, findings = check { name = unset }
    assert.same({ "dunite.lua: name: the environment variable X is not set" }, findings)
  end)
end)
