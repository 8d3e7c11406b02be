-- The commands of `dunite cache`, as the control socket answers them: what is in the store of blobs, whether it is
-- still right, and out with it. Each gives the fields of its answer, or nil and what is wrong with the call, or nil and
-- a problem.

local native = require "dunite.native"
local text = require "dunite.text"

local M = {}

local function list(items) return setmetatable(items, native.json.array) end

local function hex_of(prefix)
  local hex = tostring(prefix):lower():gsub("^sha256:", "")
  if hex ~= "" and #hex <= 64 and not hex:find "%X" then return hex end
  return nil, ("%q is no digest, nor the beginning of one: hex digits, with or without sha256: before them")
    :format(tostring(prefix))
end

-- The one digest that begins so.
local function only(prefix)
  local hex, wrong = hex_of(prefix)
  if not hex then return nil, wrong end
  local found, count = native.stock:find(hex)
  if not found then return nil, count end
  if count == 1 then return found[1] end
  if count == 0 then return nil, "no blob begins with " .. hex end
  local more = count > #found and ", …" or ""
  return nil, ("%d blobs begin with %s: %s%s"):format(count, hex, table.concat(found, ", "), more)
end

local function shown(row)
  return {
    digest = row.digest, size = row.size, used = native.clock.rfc3339(row.used), readers = row.readers,
    names = list(row.names),
  }
end

--- { place = … }: rows from there on, and the next place.
function M.list(body)
  local rows, place = native.stock:list(body.place)
  if not rows then return nil, place end
  for i, row in ipairs(rows) do rows[i] = shown(row) end
  return { blobs = list(rows), place = place }
end

--- { prefix = … }: the digest.
function M.find(body)
  local digest, wrong = only(body.prefix or "")
  if not digest then return nil, wrong end
  return { digest = digest }
end

-- What is told of a blob that is not sound.
local function fault_of(digest, found)
  return { digest = digest, verdict = found.verdict, place = found.place, why = found.why }
end

--- { digests = … }: those that are not sound. One that has left meanwhile is none of them.
function M.verify(body)
  if type(body.digests) ~= "table" then return nil, "digests: a list is needed" end
  local faults = list {}
  for _, digest in ipairs(body.digests) do
    local found, problem = native.stock:verify(digest)
    if not found and problem.variant ~= "NotFound" then return nil, problem end
    if found and found.verdict ~= "sound" then faults[#faults + 1] = fault_of(digest, found) end
  end
  return { faults = faults }
end

--- { size = … }: what left, and what is left.
function M.evict(body)
  local bytes = text.bytes(tonumber(body.size) or body.size)
  if not bytes then
    return nil, ('%q is no size: bytes, or such as "50GiB"'):format(tostring(body.size or ""))
  end
  return native.stock:evict(bytes)
end

--- { digest = … } or the beginning of one.
function M.remove(body)
  local digest, wrong = only(body.digest or "")
  if not digest then return nil, wrong end
  local change, problem = native.stock:remove(digest)
  if not change then return nil, problem end
  change.digest = digest
  return change
end

return M
