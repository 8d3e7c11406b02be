-- What every Lua test finds.

local function show(value)
  return type(value) == "string" and ("%q"):format(value) or tostring(value)
end

function eq(wanted, got)
  if wanted ~= got then error(("wanted %s, got %s"):format(show(wanted), show(got)), 2) end
end

function raises(pattern, f, ...)
  local fine, raised = pcall(f, ...)
  if fine then error(("nothing was raised; wanted %q"):format(pattern), 2) end
  local text = type(raised) == "table" and (raised.message or raised.variant) or tostring(raised)
  if not text:find(pattern) then error(("wanted %q, raised %q"):format(pattern, text), 2) end
end

function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b and math.type(a) == math.type(b) end
  for key, value in pairs(a) do if not same(value, b[key]) then return false end end
  for key in pairs(b) do if a[key] == nil then return false end end
  return getmetatable(a) == getmetatable(b)
end

error_meta, denial_meta = {}, {}
native.define("ErrorKind", error_meta)
native.define("LimitDenial", denial_meta)

-- Lets everything else that can go on go on first: turn(0).
turn = native.clock.sleep
