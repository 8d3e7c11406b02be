-- The Forgejo double (dunite.test.forgejo), served from a folder that a spec describes, and told by it when to fail, to
-- wait and to break.

local native = require "dunite.native"
local image = require "dunite.test.image"

local M = {}

local PATIENCE = 2000 -- turns of 5 ms

local DEPLOYMENT = { ["dunite.lua"] = 'return require "dunite.test.forgejo.deployment"' }

local function write_files(folder, tree)
  for path, content in pairs(tree or {}) do
    if type(content) == "table" then
      write_files(folder .. "/" .. path, content)
    else
      native.spec.write(folder .. "/" .. path, content)
    end
  end
end

---@class dunite.test.Double
---@field images table<string, table<string, dunite.test.Image>>
local Double = {}
Double.__index = Double

local function ask(self, method, path, body)
  local answer, problem = native.spec.http {
    url = self:url() .. path, method = method, body = body and native.json.encode(body),
    headers = { ["content-type"] = "application/json", authorization = "token " .. self.token },
  }
  if not answer then error(("the double, %s %s: %s"):format(method, path, tostring(problem)), 3) end
  if answer.status >= 300 then error(("the double, %s %s: status %d"):format(method, path, answer.status), 3) end
  return answer.body ~= "" and native.json.decode(answer.body) or nil
end

function Double:url() return self.address end

--- How often it was asked for that path. method: GET, if not given.
---@async
function Double:count(path, method)
  return ask(self, "GET", "/double/counts").counts[(method or "GET") .. " " .. path] or 0
end

--- Answers that path with the status from now on, or so many times.
---@async
function Double:fail(path, status, times)
  ask(self, "POST", "/double/script", { path = path, status = status, times = times or 1000000 })
end

--- Answers a path as control.lua of the double says: { path, times, status, retry_after, cut, … }.
---@async
function Double:script(rule) ask(self, "POST", "/double/script", rule) end

--- Opens the gate of that path's script; how many stand there, waiting() says.
---@async
function Double:open(path) ask(self, "POST", "/double/open", { path = path }) end

---@async
---@return integer
function Double:waiting(path) return ask(self, "GET", "/double/waiting?path=" .. path).waiting end

--- Sends those who GET the registry's files to that URL.
---@async
function Double:storage(url) ask(self, "POST", "/double/storage", { url = url }) end

---@class dunite.test.Barrier          -- where bodies stand
local Barrier = {}
Barrier.__index = Barrier

--- Waits until so many bodies (1, if not given) stand at it.
---@async
function Barrier:wait(count)
  for _ = 1, PATIENCE do
    if self.double:waiting(self.path) >= (count or 1) then return end
    native.clock.sleep(5)
  end
  error("nobody came to the barrier at " .. self.path, 2)
end

--- Lets them go on, and all that come.
---@async
function Barrier:open() self.double:open(self.path) end

--- Breaks their connections.
---@async
function Barrier:cut() ask(self.double, "POST", "/double/cut", { path = self.path }) end

--- Bodies of the path stop after so many bytes, until the barrier is opened or cut. times: so many answers do; all, if
--- not given.
---@async
---@param path string
---@param at integer
---@param times? integer
---@return dunite.test.Barrier
function Double:hold(path, at, times)
  self:script { path = path, gate = { at = at }, times = times }
  return setmetatable({ double = self, path = path }, Barrier)
end

--- Forgets scripts and counts.
---@async
function Double:reset() ask(self, "POST", "/double/reset", {}) end

--- Writes more files: "releases/acme/tool/v1/a" -> text.
function Double:write(path, content) native.spec.write(self.folder .. "/" .. path, content) end

--- Down: connections are refused.
function Double:stop()
  self.engine:stop()
  self.engine = nil
end

---@param content { releases?: table, packages?: table, images?: table, files?: table, token?: string }
---@param running { add: fun(thing: table) }
---@return dunite.test.Double
function M.start(content, running)
  local self = setmetatable({ folder = native.spec.temp(), token = content.token or "secret", images = {} }, Double)
  running.add(self)
  write_files(self.folder .. "/releases", content.releases)
  write_files(self.folder .. "/packages", content.packages)
  write_files(self.folder .. "/files", content.files)
  for name, tags in pairs(content.images or {}) do
    self.images[name] = image.write(self.folder .. "/oci/" .. name, tags)
  end
  local settings = { listen = { "127.0.0.1:0" }, workers = 1, data_dir = self.folder .. "/data" }
  self.engine = native.spec.engine {
    files = DEPLOYMENT, overrides = native.json.encode(settings),
    env = { DOUBLE_ROOT = self.folder, DOUBLE_TOKEN = self.token },
  }
  self.address = self.engine:url()
  return self
end

return M
