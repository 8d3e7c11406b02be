-- For specs: deployments served by engines of their own, with a clock that is moved by hand and a Forgejo double behind
-- them, asked by real HTTP. What a spec file starts is stopped when the file ends.

local native = require "dunite.native"
local double = require "dunite.test.double"
local members = require "dunite.test.members"
local running = require "dunite.test.running"
local text = require "dunite.text"

local M = { root = "." }

local START = "2026-01-31T12:00:00Z"

-- Responses ---------------------------------------------------------------------------------------------

---@class dunite.test.Response
---@field status integer
---@field headers table<string, string>   -- names in small letters
---@field body string
local Response = {}
Response.__index = Response

--- The body as JSON.
function Response:json() return assert(native.json.decode(self.body)) end

-- Apps --------------------------------------------------------------------------------------------------

---@class dunite.test.App
---@field engine dunite.native.SpecEngine
---@field data_dir string
---@field folder? string    -- removed when it stops
local App = {}
App.__index = App

---@class dunite.test.Ask
---@field as? string|{ [1]: string, [2]: string }   -- a member (with the password all have), or a name and a password
---@field bearer? string
---@field headers? table<string, string|string[]>
---@field body? string
---@field json? any
---@field over? string   -- another address that it listens on: host:port or unix:PATH

local function headers_of(options)
  local headers = {}
  for name, value in pairs(options.headers or {}) do headers[name:lower()] = value end
  if options.as then
    local user, password = options.as, members.PASSWORD
    if type(user) == "table" then user, password = user[1], user[2] end
    headers.authorization = members.basic(user, password)
  elseif options.bearer then
    headers.authorization = "Bearer " .. options.bearer
  end
  return headers
end

--- Asks; raises where nobody answers or the answer breaks.
---@async
---@param method string
---@param path string
---@param options? dunite.test.Ask
---@return dunite.test.Response
function App:request(method, path, options)
  local response, problem = self:try(method, path, options)
  if not response then error(("%s %s: %s"):format(method, path, tostring(problem)), 2) end
  return response
end

--- Asks; nil and a problem where nobody answers or the answer breaks.
---@async
---@return dunite.test.Response? response, table? problem
function App:try(method, path, options)
  options = options or {}
  local body = options.json ~= nil and native.json.encode(options.json) or options.body
  local response, problem = native.spec.http {
    url = self:url() .. path, address = options.over, method = method, headers = headers_of(options), body = body,
  }
  return response and setmetatable(response, Response), problem
end

for _, method in ipairs { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" } do
  App[method:lower()] = function(self, path, options) return self:request(method, path, options) end
end

--- A command on the control socket, as the `dunite` program sends it.
---@async
---@return table answer
function App:control(command, body)
  local response, problem = native.spec.http {
    url = "http://control/control/" .. command, address = "unix:" .. self.data_dir .. "/control.sock", method = "POST",
    body = native.json.encode(body or {}),
  }
  if not response then error(("%s: %s"):format(command, tostring(problem)), 2) end
  return native.json.decode(response.body)
end

--- A registry token for the member, for those repositories.
---@async
---@param member string
---@param ... string   -- repositories
---@return string
function App:token(member, ...)
  local query = { "service=spec" }
  for _, repository in ipairs { ... } do query[#query + 1] = "scope=repository:" .. repository .. ":pull" end
  return self:get("/auth/token?" .. table.concat(query, "&"), { as = member }):json().token
end

function App:url() return self.engine:url() end

--- The lines of its log that hold the text.
---@return string[]
function App:logged(wanted)
  local found = {}
  for _, line in ipairs(self.engine:logs()) do
    if line:find(wanted, 1, true) then found[#found + 1] = line end
  end
  return found
end

---@class dunite.test.AuditRow
---@field event "requested"|"completed"|"denied"|"failed_upstream"|"failed"|"aborted"|"interrupted"
---@field kind string
---@field at integer       -- milliseconds since 1970
---@field bytes integer
---@field reason? string
---@field member? string
---@field credential? string
---@field application? string
---@field version? string
---@field asset? string
---@field digest? string
---@field address? string
---@field request_id? string

--- Its audit so far, oldest first; with a digest only who may have received something of that.
---@param digest? string
---@return dunite.test.AuditRow[]
function App:audit(digest) return self.engine:audit(digest) end

--- Makes a named fault of the engine happen; times: all, if not given.
function App:fault(name, errno, times) self.engine:fault(name, errno, 0, times or -1) end

--- All lines of its log so far.
---@return string[]
function App:logs() return self.engine:logs() end

--- What a metric stands at: the sum of its series that have these labels (all, if none are given).
---@async
---@param name string
---@param labels? table<string, string>
---@return number
function App:metric(name, labels)
  local sum = 0
  for line in self:control("metrics").text:gmatch "[^\n]+" do
    local found, given, value = line:match "^([%w_:]+)(%b{}) (%S+)$"
    if not found then found, value = line:match "^([%w_:]+) (%S+)$" end
    local counts = found == name
    for key, wanted in pairs(counts and labels or {}) do
      counts = counts and (given or ""):find(('%s="%s"'):format(key, wanted), 1, true) ~= nil
    end
    if counts then sum = sum + tonumber(value) end
  end
  return sum
end

function App:stop() running.stop(self) end

-- What stays of the options is settings of the deployment.
local OPTIONS = { at = true, upstream = true, members = true, folder = true, files = true, env = true, fault = true }

local function overrides_of(options, data_dir)
  local settings = { listen = { "127.0.0.1:0" }, workers = 1, data_dir = data_dir }
  for key, value in pairs(options) do
    if not OPTIONS[key] then settings[key] = value or nil end
  end
  if options.members ~= false then settings.members = members.list(options.members) end
  return native.json.encode(settings)
end

local function environment_of(options)
  local env = {}
  if options.upstream then
    env.FORGEJO_BASE_URL, env.FORGEJO_API_TOKEN = options.upstream:url(), options.upstream.token or "secret"
  end
  for name, value in pairs(options.env or {}) do env[name] = value end
  return env
end

local function milliseconds(time)
  return native.clock.parse(time) or error("no RFC 3339 time: " .. tostring(time), 3)
end

--- The deployment that `dunite spec` was given.
---@return string
function M.deployment()
  local folder = M.root:gsub("/?spec/?$", "")
  return folder ~= "" and folder or "."
end

--- A folder that is removed when the spec file ends: a data_dir for apps that follow one another, for one.
---@return string
function M.folder()
  local kept = { folder = native.spec.temp() }
  running.add(kept)
  return kept.folder
end

--- A deployment, served. folder: the deployment's (that of the specs, if not given), or files: path -> text; at: where
--- its clock stands (RFC 3339; false: it goes on); upstream: a double; members: names, or entries as in
--- a members file (all have the password "correct horse"; ada and bob, if not given; false: what the deployment says);
--- env: more variables; fault: one that is armed before it starts, { name, number, skip, times }. All else goes over
--- the deployment's settings; false leaves a setting to the deployment.
---@param options? table
---@return dunite.test.App
function M.app(options)
  options = options or {}
  local app = setmetatable({ data_dir = options.data_dir }, App)
  if not app.data_dir then
    app.folder = native.spec.temp()
    app.data_dir = app.folder
  end
  running.add(app)
  app.engine = native.spec.engine {
    folder = not options.files and (options.folder or M.deployment()) or nil, files = options.files,
    overrides = overrides_of(options, app.data_dir), env = environment_of(options),
    fault = options.fault, at = options.at ~= false and milliseconds(options.at or START) or nil,
  }
  return app
end

--- A Forgejo, served from a folder: releases = { ["acme/tool"] = { ["v1.0.0"] = { ["a"] = "text" } } }, packages the
--- same, images = { ["acme/tool"] = { ["v1.0.0"] = { "layer", … } } }, or a tag with several platforms as
--- { amd64 = { "layer" }, arm64 = { … } }; files = { ["any/path"] = "text" } is for everybody.
---@param content? { releases?: table, packages?: table, images?: table, files?: table, token?: string }
---@return dunite.test.Double
function M.forgejo(content) return double.start(content or {}, running) end

-- Time --------------------------------------------------------------------------------------------------

M.clock = {}

--- Moves the clocks of all apps of this spec file; what falls due happens.
---@param duration string|number
function M.clock:advance(duration)
  local ms = text.milliseconds(duration) or error("no duration: " .. tostring(duration), 2)
  for _, each in ipairs(running.all()) do
    if getmetatable(each) == App and each.engine then each.engine:advance(ms) end
  end
end

--- Sets their wall clocks only.
---@param time string   -- RFC 3339
function M.clock:set(time)
  local ms = milliseconds(time)
  for _, each in ipairs(running.all()) do
    if getmetatable(each) == App and each.engine then each.engine:set_clock(ms) end
  end
end

-- Small things --------------------------------------------------------------------------------------------

--- Runs them at once and gives their results, in order.
---@async
---@param functions (fun(): any)[]
---@return any[]
function M.together(functions)
  local results = {}
  for i, outcome in ipairs(native.all(functions)) do
    if outcome[2] ~= nil then error(tostring(outcome[2]), 2) end
    results[i] = outcome[1]
  end
  return results
end

local PATIENCE = 2000 -- turns of 5 ms

--- Waits until the condition holds.
---@async
---@param condition fun(): any
function M.until_true(condition)
  for _ = 1, PATIENCE do
    local held = condition()
    if held then return held end
    native.clock.sleep(5)
  end
  error("what was waited for did not happen", 2)
end

return M
