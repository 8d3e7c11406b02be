-- HTTP for specs: one request on a connection of its own, seen as it is on the wire (redirects are not followed, a
-- broken body is a problem).

local native = require "dunite.native"
local errors = require "dunite.errors"

local function request_text(options, host, target)
  local lines = { ("%s %s HTTP/1.1"):format(options.method or "GET", target) }
  local headers = { host = host, connection = "close" }
  for name, value in pairs(options.headers or {}) do headers[name:lower()] = value end
  if options.body then headers["content-length"] = tostring(#options.body) end
  for name, value in pairs(headers) do
    for _, each in ipairs(type(value) == "table" and value or { value }) do lines[#lines + 1] = name .. ": " .. each end
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (options.body or "")
end

local function unchunk(text)
  local parts, at = {}, 1
  while true do
    local size, first = text:match("^(%x+)[^\r\n]*\r\n()", at)
    if not size then return nil end
    local count = tonumber(size, 16)
    if count == 0 then return table.concat(parts) end
    if #text < first + count + 1 then return nil end
    parts[#parts + 1] = text:sub(first, first + count - 1)
    at = first + count + 2
  end
end

local function parse(text, method)
  local status, head, body = text:match("^HTTP/1%.1 (%d%d%d)[^\r\n]*\r\n(.-)\r\n\r\n(.*)$")
  if not status then status, head, body = text:match("^HTTP/1%.1 (%d%d%d)[^\r\n]*(\r\n)\r\n(.*)$") end
  if not status then return nil end
  local headers = {}
  for name, value in (head .. "\r\n"):gmatch("([^:\r\n]+):%s*([^\r\n]*)\r\n") do
    name = name:lower()
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
  local length = tonumber(headers["content-length"])
  if headers["transfer-encoding"] == "chunked" then
    body = unchunk(body)
  elseif method ~= "HEAD" and length and length ~= #body and status ~= "304" then
    body = nil
  end
  return { status = math.tointeger(tonumber(status)), headers = headers, body = body }
end

--- { status, headers (names in small letters), body }; or nil and a problem: Transport where nobody answered or the
--- body broke.
---@async
--- address: where to connect, when it is not the URL's host ("unix:PATH").
---@param options { url: string, address?: string, method?: string, headers?: table, body?: string }
---@return table? answer, table? problem
return function(options)
  local host, target = options.url:match("^http://([^/]+)(/.*)$") -- the path as it is: no dot segment is undone
  local text, problem = native.spec.call(options.address or host, request_text(options, host, target))
  if not text then return nil, problem end
  local answer = parse(text, options.method)
  if not answer then return nil, errors.new("Transport", { message = "no answer from " .. options.url }) end
  if not answer.body then
    return nil, errors.new("Transport", { message = "the body broke", status = answer.status })
  end
  return answer
end
