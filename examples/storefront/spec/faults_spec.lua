-- Every named fault of the engine (its own table, so that a new one is walked too) in turn, through a cold download,
-- joined ones, a warm one, and a restart. Whatever fails: no complete answer is wrong, nothing partial is served later,
-- no lease is lost, no flight is stuck, no descriptor is left open, and the next request is fine.

local native = require "dunite.native"
local shop = require "spec.support"
local t = require "dunite.test"

local ADA = { as = "ada" }
local WARM, COLD = "a", "big.bin"
local CONTENT = { [WARM] = "the first", [COLD] = shop.BIG }
local LIMITS = { downloads = { concurrency = 4, daily_cap = 1000 } }

-- Those that stand in the way of what is here already: of counting it, and of reading it. All others must not.
local IN_THE_WAY = {
  ["ledger.commit"] = true, ["counter.add"] = true,
  ["blob.read"] = true, ["blob.bytes"] = true, ["blob.read_ahead"] = true,
}
-- Those that hold somebody up and make nothing fail; while one is armed, who counts waits.
local HOLDS = { ["counter.hold"] = true }
local CONNECTIONS = 8 -- to upstream, which are kept

-- How it fails: an errno (EIO, ENOSPC; a small number where the fault wants one), after so many times, so often.
local MANNERS = { { number = 5, skip = 0, times = -1 }, { number = 28, skip = 1, times = 1 } }

local function named(fault, manner)
  local often = manner.times < 0 and "always" or "once"
  return ("%s, with %d, after %d, %s"):format(fault, manner.number, manner.skip, often)
end

-- Right, or not complete, or honest about it. True: it was served.
local function judge(asset, response, broken)
  if not response then
    assert.is_not_nil(broken)
    return false
  end
  if response.status == 200 then
    assert.is_true(response.body == CONTENT[asset], "a complete answer that is wrong")
    return true
  end
  local code = shop.code(response)
  assert.is_true(response.status == 500 and (code == "io" or code == "store"), response.status .. " " .. response.body)
  return false
end

describe("with a fault at", function()
  local app, upstream, data_dir, fault, manner

  local function open(settings)
    settings = settings or {}
    settings.data_dir, settings.upstream, settings.limits = data_dir, upstream, LIMITS
    app, upstream = shop.open(settings)
  end

  before_each(function()
    data_dir = t.folder() -- upstream is the same for all
    open()
    assert.equal(CONTENT[WARM], app:get(shop.FILE .. WARM, ADA).body)
  end)

  local function arm() app.engine:fault(fault, manner.number, manner.skip, manner.times) end
  local function disarm() app.engine:fault(fault, 0) end
  local function get(asset) return judge(asset, app:try("GET", shop.FILE .. asset, ADA)) end

  local function at_rest()
    t.until_true(function()
      local metrics = app:get("/metrics").body
      return metrics:find('dunite_limiter_leases{limit="downloads"} 0', 1, true) and
        metrics:find("dunite_fills 0", 1, true) and not metrics:find('dunite_flights{[^}]*} [1-9]')
    end)
  end

  -- Once nothing fails any more.
  local function all_is_well()
    disarm()
    at_rest()
    -- The disk lane removes what failed behind the answer.
    t.until_true(function() return #native.spec.files(data_dir .. "/cache/partial") == 0 end)
    for asset in pairs(CONTENT) do assert.is_true(get(asset)) end
    at_rest()
    local digests = {}
    for i, blob in ipairs(app:control("cache.list").blobs) do digests[i] = blob.digest end
    assert.same({}, app:control("cache.verify", { digests = digests }).faults)
    assert.same({}, app:logged "problem=Transport")
  end

  local walks = {}

  walks[#walks + 1] = function() -- a cold download
    local files, sockets = native.spec.descriptors(data_dir), native.spec.descriptors "socket:"
    arm()
    for _ = 1, 12 do get(COLD) end
    disarm()
    at_rest()
    t.until_true(function()
      return native.spec.descriptors(data_dir) <= files and native.spec.descriptors "socket:" <= sockets + CONNECTIONS
    end)
  end

  walks[#walks + 1] = function() -- joined downloads
    arm()
    local asked = {}
    for i = 1, 4 do asked[i] = function() return get(COLD) end end
    t.together(asked)
  end

  walks[#walks + 1] = function() -- a warm download
    arm()
    for _ = 1, 3 do
      local served = get(WARM)
      assert.is_true(served or IN_THE_WAY[fault] == true, "what is here was not served")
    end
  end

  walks[#walks + 1] = function() -- a restart
    app:stop()
    local starts = pcall(open, {
      fault = { name = fault, number = manner.number, skip = manner.skip, times = manner.times },
    })
    if starts then
      get(WARM)
      get(COLD)
    else
      open()
    end
  end

  for _, name in ipairs(native.spec.faults()) do
    for _, how in ipairs(HOLDS[name] and {} or MANNERS) do
      it(named(name, how), function()
        fault, manner = name, how
        for _, walk in ipairs(walks) do
          walk()
          all_is_well()
          app:control("cache.evict", { size = 0 })
          assert.is_true(get(WARM))
        end
        app:stop()
      end)
    end
  end
end)
