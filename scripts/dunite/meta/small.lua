---@meta dunite.native

-- What of dunite.native (native.lua has the rest) is small: time, the log, JSON, texts, configuration.

---@class dunite.native
local native = {}

native.clock = {}
---@return integer ms
function native.clock.wall() end
---@return integer ms
function native.clock.mono() end
---@async
---@param ms integer
function native.clock.sleep(ms) end
---@return integer
function native.clock.day_left_secs() end
---@param ms integer
---@return string
function native.clock.rfc3339(ms) end
---@return integer? ms
function native.clock.parse(text) end

--- Runs all concurrently, each in a task of its own; gives a list of { value, problem } (n entries). A raise is a problem.
---@async
---@param functions (fun(): any, any)[]
---@return { [1]: any, [2]: table? }[]
function native.all(functions) end

---@param level "debug"|"info"|"warn"|"error"
---@param message string
---@param fields? table<string, string|number|boolean>
function native.log(level, message, fields) end

native.json = {}
--- Tables with native.json.array as their metatable, and tables with 1..n, are arrays; other tables are objects, keys
--- sorted; integers are exact; native.json.null is null.
---@return string
function native.json.encode(value) end
--- At most 8 MiB and 64 deep; arrays come with the array metatable; integers that a double cannot hold are refused.
---@return any value, string? reason
function native.json.decode(text) end
---@type lightuserdata
native.json.null = nil
---@type table
native.json.array = {}

---@return string digest  -- "sha256:…"
function native.sha256(bytes) end
---@return string? bytes
function native.base64_decode(text) end
---@return string
function native.base64url(bytes) end
---@return string         -- n random bytes in hex
function native.random(n) end
---@return boolean        -- in constant time
function native.equal(a, b) end
---@param segment? boolean -- refuse an encoded slash, "." and ".."
---@return string?
function native.url_decode(text, segment) end
---@return string
function native.url_encode(text) end
---@return { scheme: string, host: string, port: string, path: string, query?: string }?, string? reason
function native.url_parse(text) end
--- Is the address in any of the ranges? Raises for a range that is none.
---@return boolean
function native.cidr_has(ranges, address) end

--- Environment variable, for configuration; "" counts as unset.
---@return string?
function native.getenv(name) end
--- The file named by NAME_FILE, else the variable NAME.
---@return string? value, string? reason
function native.secret(name) end
--- Where a function was written: "file:line".
---@param f function
---@return string
function native.where(f) end
--- Reads a file, at most 8 MiB: below the deployment's folder (no ".."), or, while loading only, an absolute path.
---@return string? text, string? reason
function native.read_file(path) end
---@return boolean
function native.deployment_has(path) end

--- The metrics in Prometheus' text format.
---@return string
function native.metrics() end
--- Counts one: for a script's own counter "dunite_script_NAME_total".
function native.count(name) end
---@return { ready: boolean, degraded: boolean, draining: boolean, reason?: string }
function native.health() end
--- Versions of everything linked.
---@return table<string, string>
function native.versions() end

--- Builds a new generation of the scripts beside this one, and puts it in its place if it is right.
---@async
---@return boolean ok, integer generation, string text   # text: why not, or what needs a restart; a line each
function native.reload() end
--- The generations of scripts that serve or have not ended, on each worker.
---@return { generation: integer, worker: integer, current: boolean, secs: integer, requests: integer, held_by: string }[]
function native.generations() end

return native
