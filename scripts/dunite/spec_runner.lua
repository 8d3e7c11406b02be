-- Runs busted inside the engine's own state; `dunite spec` calls it. Waiting in a spec simply waits.

local native = require "dunite.native"
local boxes = require "dunite.test.boxes"

-- luacheck: globals arg os.exit

local M = {}

-- busted forgets what a spec file required; what is here before it starts stays, so that enums stay the same objects.
local STANDARD = {
  "dunite", "dunite.answer", "dunite.app", "dunite.boot", "dunite.catalog", "dunite.enum", "dunite.errors",
  "dunite.health", "dunite.request", "dunite.router", "dunite.schema", "dunite.text", "dunite.test",
  "dunite.verticals.download", "dunite.verticals.oci", "dunite.verticals.oidc",
}

local function code_of(given)
  if given == nil or given == true then return 0 end
  return given == false and 1 or math.min(given, 125)
end

-- os.exit would end the process: busted's is caught, and a spec's is that spec's error.
local Exit = {}

local function exit(code)
  if debug.getinfo(2, "S").source:find "/busted/[%w_/]+%.lua$" then
    error(setmetatable({ code = code_of(code) }, Exit), 0)
  end
  error(("os.exit(%s) in a spec would end all others (let an assertion fail instead)"):format(tostring(code)), 2)
end

-- busted's JSON output gives up on a pending spec, which has functions in it: they become a text.
local function lenient_json()
  local there, json = pcall(require, "dkjson")
  if not there then return end
  local encode = json.encode
  json.encode = function(value, state)
    state = state or {}
    state.exception = state.exception or json.encodeexception
    return encode(value, state)
  end
end

--- Runs the specs below root with busted's options; gives the exit code.
---@async
---@param root string
---@param options string[]
---@return integer
function M.run(root, options)
  native.spec.http = require "dunite.spec_http"
  for _, name in ipairs(STANDARD) do require(name) end
  require "dunite.test".root = root
  local real = os.exit
  os.exit = exit
  boxes.open()
  lenient_json()
  arg = table.move(options, 1, #options, 1, { [0] = "dunite spec" })
  arg[#arg + 1] = root
  local ok, raised = xpcall(function() require "busted.runner" { standalone = false } end, function(raised)
    return getmetatable(raised) == Exit and raised or debug.traceback(tostring(raised), 2)
  end)
  os.exit = real
  if ok then return 0 end
  if getmetatable(raised) == Exit then return raised.code end
  io.stderr:write("dunite spec: ", raised, "\n")
  return 1
end

return M
