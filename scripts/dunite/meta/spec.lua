---@meta dunite.native

-- What of dunite.native (native.lua has the rest) is there only inside `dunite spec`.

---@class dunite.native
local native = {}

native.spec = {}

---@class dunite.native.SpecEngine  -- a deployment, served by an engine of its own; has __close and __gc
local spec_engine = {}
---@class dunite.native.SpecEngineOptions
---@field folder? string                 -- the deployment's; or
---@field files? table<string, string>   -- relative path -> text, of a temporary folder
---@field overrides? string              -- JSON of settings
---@field env? table<string, string|number>
---@field fault? { name: string, number: integer, skip?: integer, times?: integer } -- armed before it starts
---@field at? integer                    -- a clock that stands there until it is moved; nil: the real one
--- Starts it; raises what is wrong with the deployment.
---@param options dunite.native.SpecEngineOptions
---@return dunite.native.SpecEngine
function native.spec.engine(options) end
---@return string           -- "http://127.0.0.1:PORT"
function spec_engine:url() end
--- Moves wall and monotonic time; what falls due has been fired when it returns.
---@param ms integer
function spec_engine:advance(ms) end
--- Moves wall time only.
---@param ms integer
function spec_engine:set_clock(ms) end
--- Arms a named fault (engine/base/fault.def): after `skip` times, `times` times (all, if not given).
---@param name string
---@param errno integer
---@param skip? integer
---@param times? integer
function spec_engine:fault(name, errno, skip, times) end
---@return string[]         -- lines of its log
function spec_engine:logs() end
--- Its audit, once all that was noted is written. Blocks.
---@param digest? string
---@return dunite.test.AuditRow[]
function spec_engine:audit(digest) end
function spec_engine:stop() end

--- One HTTP exchange as bytes: all that came until the other side closed.
---@async
---@param address string    -- host:port
---@param request string
---@return string? answer, table? problem
function native.spec.call(address, request) end
--- One request (spec_http.lua): header names come in small letters.
---@async
---@param options { url: string, method?: string, headers?: table<string, string|string[]>, body?: string }
---@return { status: integer, headers: table<string, string>, body: string }? answer, table? problem
function native.spec.http(options) end
--- The names of all faults, as in their table.
---@return string[]
function native.spec.faults() end
--- The names in a folder.
---@param path string
---@return string[]
function native.spec.files(path) end
--- How many descriptors the process has of files (or "socket:") whose path begins so.
---@param prefix string
---@return integer
function native.spec.descriptors(prefix) end
---@return string folder    -- fresh; remove it when done
function native.spec.temp() end
---@param path string
function native.spec.remove(path) end
--- Writes a file; makes the folders above it.
---@param path string
---@param text string
function native.spec.write(path, text) end

return native
