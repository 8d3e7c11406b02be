local dunite = require "dunite"
local enum = require "dunite.enum"
local errors = require "dunite.errors"

-- Every kind under its own name.
local function arms()
  local into, back = {}, {}
  for _, kind in ipairs(enum.variants(dunite.ErrorKind)) do into[kind], back["My" .. kind] = "My" .. kind, kind end
  return into, back
end

describe("a mirror", function()
  it("names a kind that has no arm", function()
    local into, back = arms()
    into.Transport = nil
    assert.error_matches(function() errors.mirror "SpecError1" { into = into, back = back } end,
      "the mirror SpecError1 is not total: .*'into' has no arm for ErrorKind%.Transport")
  end)

  it("names an arm for a kind that does not exist, and the nearest", function()
    local into, back = arms()
    into.Transports = "MyTransport"
    assert.error_matches(function() errors.mirror "SpecError2" { into = into, back = back } end,
      "'into' has an arm for 'Transports', which is no ErrorKind, did you mean 'Transport'%?")
  end)

  it("names a variant without a way back", function()
    local into, back = arms()
    back.MyIo = nil
    assert.error_matches(function() errors.mirror "SpecError3" { into = into, back = back } end,
      "'back' has no ErrorKind for MyIo")
  end)

  it("names a way back that nothing leads to", function()
    local into, back = arms()
    back.Extra = "Io"
    assert.error_matches(function() errors.mirror "SpecError4" { into = into, back = back } end,
      "'back' has an arm for 'Extra', which 'into' never gives")
  end)

  it("refuses to change a class or a status", function()
    local into, back = arms()
    into.Transport = "MyIo"
    back.MyTransport = nil
    assert.error_matches(function() errors.mirror "SpecError5" { into = into, back = back } end,
      "Transport comes back from MyIo as Io: class or status changed")
  end)

  it("may name two kinds alike where class and status agree", function()
    local into, back = arms()
    into.Integrity, back.MyIntegrity = "MyTransport", nil
    local made, mirror = errors.mirror "SpecError6" { into = into, back = back }
    assert.is_false(made:has "MyIntegrity")
    assert.equal("MyTransport", mirror.of(errors.new "Integrity").variant)
  end)
end)
