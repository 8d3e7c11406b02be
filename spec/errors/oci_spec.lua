local dunite = require "dunite"
local enum = require "dunite.enum"
local errors = require "dunite.errors"
local oci = require "dunite.errors.oci"

describe("the mirror OciError", function()
  it("keeps class, status and fields there and back, for every kind", function()
    for _, kind in ipairs(enum.variants(dunite.ErrorKind)) do
      local problem = errors.new(kind, { status = 503, retry_after = 7, message = "so it is" })
      local there = oci.mirror.of(problem)
      local back = oci.mirror.back(there)
      assert.equal(oci.OciError, enum.of(there))
      assert.is_true(oci.OciError:has(there.variant))
      assert.same({ problem.class, problem.http }, { there.class, there.http })
      assert.same({ problem.class, problem.http }, { back.class, back.http })
      assert.same({ 503, 7, "so it is" }, { back.status, back.retry_after, back.message })
    end
  end)

  it("has a way back for every variant", function()
    for _, variant in ipairs(enum.variants(oci.OciError)) do
      local value = setmetatable({ variant = variant }, getmetatable(oci.mirror.of(errors.new "Io")))
      assert.equal(variant, oci.mirror.of(oci.mirror.back(value)).variant)
    end
  end)

  it("tells upstream that cannot be reached from a disk of ours that failed", function()
    local unreachable, disk = oci.mirror.of(errors.new "Transport"), oci.mirror.of(errors.new "Io")
    assert.same({ "Upstream", 502 }, { unreachable.class, unreachable.http })
    assert.same({ "Local", 500 }, { disk.class, disk.http })
  end)
end)

describe("the wire code of an error", function()
  local wire = require "dunite.verticals.oci.wire"
  local native = require "dunite.native"

  local function code_and_status(kind)
    local made = wire.error(errors.new(kind), "BLOB_UNKNOWN")
    return native.json.decode(made.body).errors[1].code, made.status
  end

  it("is UNAVAILABLE for class Upstream and every 503, UNKNOWN for other 5xx, else what was asked for", function()
    for _, kind in ipairs(enum.variants(dunite.ErrorKind)) do
      local code, status = code_and_status(kind)
      local class = errors.new(kind).class
      local wanted = (class == "Upstream" or status == 503) and "UNAVAILABLE" or "UNKNOWN"
      assert.equal(class == "NotFound" and "BLOB_UNKNOWN" or wanted, code, kind)
    end
  end)

  it("never sends 499", function()
    assert.same({ "UNAVAILABLE", 503 }, { code_and_status "Cancelled" })
  end)
end)

describe("the registry's older names", function()
  local vertical = require "dunite.verticals.oci"

  it("are the very same objects as the core's", function()
    assert.is_true(rawequal(vertical.OciLimitDenial, dunite.LimitDenial))
    assert.is_true(rawequal(vertical.OciLimiter, dunite.Limiter))
  end)
end)
