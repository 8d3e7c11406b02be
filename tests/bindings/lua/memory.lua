-- Each allocation of the engine's is failed in turn. The operation then says Memory (or goes well all the same),
-- nothing is lost (the runner looks), and the next try with memory goes well.

local function is_memory(problem)
  local text = type(problem) == "table" and problem.variant or tostring(problem)
  return text == "Memory" or text:find("memory", 1, true)
end

local function torture(operation)
  for n = 0, 200 do
    fail_after(n)
    local fine, value, problem = pcall(operation, n)
    fail_after(-1)
    if fine and value ~= nil and n > 0 then
      eq(true, (pcall(operation, n + 1000)))
      return
    end
    local why = not fine and value or problem
    if value == nil or not fine then
      assert(is_memory(why), ("allocation %d: %s"):format(n, type(why) == "table" and why.variant .. (why.message or "") or tostring(why)))
    end
  end
  error("it never went well")
end

return {
  ["flights"] = function()
    torture(function() return native.flights("reports"):run("k", function() return { 1, "two" } end, { timeout = 1000 }) end)
    eq(0, native.flights("reports"):in_flight())
  end,
  ["leases"] = function()
    torture(function()
      local lease, problem = native.limiter("downloads"):acquire("ada", -1, -1, { share = "x", cover = 1 })
      if lease then lease:release() end
      return lease, problem
    end)
    eq(0, (native.limiter("downloads"):look("ada")))
  end,
  ["several at once"] = function()
    torture(function()
      local got = native.all { function() turn(0) return 1 end, function() return 2 end }
      return got[1][1] and got[2][1], got[1][2] or got[2][2]
    end)
  end,
  ["blobs"] = function()
    torture(function(n)
      local digest, problem = native.cache:store("bytes " .. n)
      if not digest then return nil, problem end
      local source <close> = native.cache:open { digest = digest }
      if not source then return nil, "no memory for a pin: it looks as if it were not there" end
      return source:read(100)
    end)
  end,
  ["records, JSON, tokens, URLs"] = function()
    native.keys:create()
    torture(function()
      local ok, problem = native.records:put("t", "k", "v")
      if not ok then return nil, problem end
      if #native.records:keys("t", "") == 0 then return nil, "memory" end
      return true
    end)
    torture(function() return native.json.decode(native.json.encode { a = { "b", 1.5 } }) end)
    torture(function()
      local token, problem = native.keys:mint { iss = "i", aud = "a", exp = native.clock.wall() // 1000 + 9, x = 1 }
      if not token then return nil, problem end
      local claims, reason = native.keys:verify(token, { issuer = "i", audience = "a" })
      return claims, reason and "refused for want of memory: " .. reason
    end)
    torture(function()
      local url, reason = native.url_parse("http://h/p?q")
      return url and native.url_encode(url.path .. " "), reason and "memory " .. reason
    end)
  end,
  ["members"] = function()
    torture(function()
      local ok, problem = native.members:save { id = "ada", email = "a@b.c", password = "pw", entitlements = { "x" } }
      if not ok then return nil, problem end
      return native.members:verify("ada", "pw", "10.0.0.1")
    end)
  end,
  ["audit"] = function()
    torture(function()
      local event = native.audit:open { kind = "pull", member = "ada" }
      event:close("denied", "x")
      return true
    end)
  end,
}
