local dunite = require "dunite"
local enum = require "dunite.enum"
local errors = require "dunite.errors"
local download = require "dunite.errors.download"

describe("the mirror DownloadError", function()
  it("keeps class, status and fields there and back, for every kind", function()
    for _, kind in ipairs(enum.variants(dunite.ErrorKind)) do
      local problem = errors.new(kind, { status = 503, retry_after = 7, message = "so it is" })
      local there = download.mirror.of(problem)
      local back = download.mirror.back(there)
      assert.equal(download.DownloadError, enum.of(there))
      assert.is_true(download.DownloadError:has(there.variant))
      assert.same({ problem.class, problem.http }, { there.class, there.http })
      assert.same({ problem.class, problem.http }, { back.class, back.http })
      assert.same({ 503, 7, "so it is" }, { back.status, back.retry_after, back.message })
    end
  end)

  it("has a way back for every variant", function()
    for _, variant in ipairs(enum.variants(download.DownloadError)) do
      local value = setmetatable({ variant = variant }, getmetatable(download.mirror.of(errors.new "Io")))
      assert.equal(variant, download.mirror.of(download.mirror.back(value)).variant)
    end
  end)

  it("tells upstream that cannot be reached from a disk of ours that failed", function()
    local unreachable, disk = download.mirror.of(errors.new "Transport"), download.mirror.of(errors.new "Io")
    assert.same({ "Upstream", 502 }, { unreachable.class, unreachable.http })
    assert.same({ "Local", 500 }, { disk.class, disk.http })
  end)
end)
