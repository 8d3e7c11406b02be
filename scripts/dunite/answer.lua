-- Answers: what a handler gives back. Lua says what; C moves the bytes.
--
-- JSON answers are { "data": …, "meta": { "request_id" } }, errors { "error": { "code", "message", … }, "meta":
-- … }; the request's id is put in when the answer leaves the router, so that handlers need not carry it.

local native = require "dunite.native"
local enum = require "dunite.enum"
local errors = require "dunite.errors"
local memo = require "dunite.memo"

local M = {}

---@class dunite.Answer: dunite.native.Answer
---@field reason? string   -- why it refuses, for the audit
---@field payload? table    -- becomes the JSON body
local Answer = {}
Answer.__index = Answer

--- Is it an answer?
function M.is(value) return getmetatable(value) == Answer end

---@param status integer
---@param body? string
---@param content_type? string
---@return dunite.Answer
function M.new(status, body, content_type)
  return setmetatable({ -- those that a blob has too, so that the table need not grow
    status = status, headers = { ["content-type"] = content_type, ["content-disposition"] = nil }, body = body or "",
    source = nil, length = nil, etag = nil, modified = nil, leases = nil, audit = nil,
  }, Answer)
end

--- Adds or replaces a header.
function Answer:header(name, value)
  self.headers[name:lower()] = value
  return self
end

--- Keeps the lease (if there is one) until the last byte is sent or the client is gone.
---@param lease? dunite.native.Lease
function Answer:hold(lease)
  if not self.leases then
    self.leases = { lease }
  else
    self.leases[#self.leases + 1] = lease
  end
  return self
end

--- Ends the audit event with how the answer ended.
function Answer:audited(event)
  self.audit = event
  return self
end

-- RFC 6266 with RFC 8187: a plain name for old clients, the exact one for all others.
local disposition = memo.new(function(name)
  local plain = name:gsub("[^%w%.%-_ ]", "_")
  local value = ('attachment; filename="%s"'):format(plain)
  if plain ~= name then value = value .. "; filename*=UTF-8''" .. native.url_encode(name) end
  return value
end)

--- To be saved under that name.
function Answer:attachment(name) return self:header("content-disposition", disposition(name)) end

-- The JSON body, once the request is known.
function Answer:finish(id)
  if self.payload then
    self.payload.meta = self.payload.meta or {}
    self.payload.meta.request_id = id
    self.body, self.payload = native.json.encode(self.payload), nil
  end
  return self
end

-- Its payload gets the request's id at the end.
local function json(status, payload)
  local made = M.new(status, nil, "application/json")
  made.payload = payload
  return made
end

--- { "data": data, "meta": … }.
---@return dunite.Answer
function M.data(data, status) return json(status or 200, { data = data }) end

--- { "error": { code, message, … }, "meta": … }.
---@param status integer
---@param code string
---@param message string
---@param more? table
---@return dunite.Answer
function M.problem(status, code, message, more)
  local fields = { code = code, message = message }
  for key, value in pairs(more or {}) do fields[key] = value end
  local made = json(status, { error = fields })
  made.reason = code
  return made
end

--- JSON exactly as given.
function M.json(value, status, content_type)
  return M.new(status or 200, native.json.encode(value), content_type or "application/json")
end

function M.text(body, status) return M.new(status or 200, body, "text/plain; charset=utf-8") end

---@class dunite.Opened
---@field source? dunite.native.Source
---@field size? integer
---@field content_type? string
---@field etag? string
---@field modified? integer

--- What an opened source gives: a blob, or a body that is still coming in. Without a source it describes what a
--- HEAD asked for.
---@param opened dunite.Opened
---@return dunite.Answer
function M.blob(opened)
  local made = M.new(200, nil, opened.content_type or "application/octet-stream")
  made.source, made.length, made.etag, made.modified = opened.source, opened.size, opened.etag, opened.modified
  if not opened.source then made:header("accept-ranges", "bytes") end -- a HEAD of what is not here; else C says it
  return made
end

---@param what? string
function M.not_found(what) return M.problem(404, "not_found", (what or "This") .. " does not exist.") end

--- 429; Retry-After when it is known.
---@param code string
---@param retry_after? integer
function M.too_many(code, retry_after)
  local made = M.problem(429, code, "Too many requests.", { retry_after = retry_after })
  if retry_after then made:header("retry-after", tostring(retry_after)) end
  return made
end

---@param challenge string
function M.unauthorized(challenge)
  return M.problem(401, "unauthorized", "Sign in first."):header("www-authenticate", challenge)
end

function M.method_not_allowed(methods)
  local made = M.problem(405, "method_not_allowed", "This method is not allowed here.")
  return made:header("allow", table.concat(methods, ", "))
end

local function code_of(kind) return (kind:gsub("(%l)(%u)", "%1_%2"):lower()) end

--- The answer to a problem of ErrorKind (or of a mirror): its status, and a text that tells no secrets.
---@param problem table
---@return dunite.Answer
function M.error(problem)
  local status = problem.http == 499 and 503 or problem.http
  local made = M.problem(status, code_of(problem.variant), problem.text)
  made.problem = errors.is(problem) and problem or problem.problem
  if problem.retry_after and status == 503 then
    made:header("retry-after", tostring(problem.retry_after))
  end
  return made
end

local deny = enum.matcher(enum.LimitDenial) {
  Concurrency = function() return M.too_many("concurrency_limit") end,
  DailyCap = function(denied) return M.too_many("daily_limit", denied.reset_in_secs) end,
}

--- The answer to whatever an operation refused with: a denial or a problem.
---@return dunite.Answer
function M.refuse(value) return enum.of(value) == enum.LimitDenial and deny(value) or M.error(value) end

return M
