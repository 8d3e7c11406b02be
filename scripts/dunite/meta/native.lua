---@meta dunite.native

-- What the C engine gives to Lua. Scripts of a deployment use the modules on top of it (`dunite`,
-- `dunite.answer`, …); only the standard library requires "dunite.native". Specs and doubles get some more
-- (spec.lua, double.lua), so do checks (workshop.lua) and the operator's commands (stock.lua); small things are in
-- small.lua. A test compares these files with what is registered.
--
-- Conventions
--  * An operation gives a value, or `nil, problem`, where problem is a value of ErrorKind or LimitDenial.
--    Misuse (a wrong type, an unknown option, a name that was not declared) raises.
--  * What may wait is marked @async: it parks the task and goes on on the same worker.
--  * Durations are milliseconds here (the modules on top take "10s"); sizes are bytes; times are
--    milliseconds since 1970-01-01 UTC unless said otherwise.
--  * Objects by name (limiter, flights, upstream) belong to the engine and are shared by all workers. Getting one
--    at load time never touches it; its first use does.

---@class dunite.native
local native = {}

-- Values ------------------------------------------------------------------------------------------

---@class dunite.native.Row
---@field name string
---@field class? string       -- ErrorKind only: "NotFound", "Upstream", "Local"
---@field http? integer       -- ErrorKind only
---@field retryable? "never"|"always"|"by_status"
---@field text? string
---@field fields? string[]    -- which fields a value of it carries

--- The enums of the engine, row by row, in the order of their tables: ErrorKind, ErrorClass, LimitDenial.
---@type table<string, dunite.native.Row[]>
native.rows = {}

--- Problems that C makes are tables `{ variant = "Transport", message = "…", status = …, retry_after = …,
--- expected = …, actual = … }` (ErrorKind) or `{ variant = "DailyCap", reset_in_secs = … }` (LimitDenial) with this
--- metatable; a raised value with it keeps its kind. Called once by dunite.enum while it loads.
---@param enum "ErrorKind"|"LimitDenial"
---@param metatable table
function native.define(enum, metatable) end

--- What kind of task runs: matchers, mirrors and enums are built in "load" and "spec" only.
---@return "load"|"request"|"flight"|"timer"|"spec"
function native.phase() end
--- Which worker this is, from 0; workers share nothing in Lua.
---@return integer
function native.worker() end

-- SingleFlight, limiter -------------------------------------------------------------------------

---@class dunite.native.Flights
local flights = {}
---@param name string
---@return dunite.native.Flights
function native.flights(name) end
--- Joins the flight for key, or starts one: `operation(publish)` runs in a task of its own. Values that cross are
--- structured clones.
---@async
---@param key string
---@param operation fun(publish: fun(value: any)): any, any
---@param options? { timeout?: integer, on_abandon?: "cancel"|"finish", retries?: integer }
---@return any value, table? problem
function flights:run(key, operation, options) end
---@return integer
function flights:in_flight() end

--- A composite key that cannot collide with another list of parts (strings, integers, booleans).
---@return string
function native.key(...) end

---@class dunite.native.Limiter
local limiter = {}
---@param name string
---@return dunite.native.Limiter
function native.limiter(name) end
--- concurrency and daily_cap: an integer, or -1 for unlimited.
---@async
---@param subject string
---@param concurrency integer
---@param daily_cap integer
---@param options? { share?: string, cover?: integer, slot_only?: boolean, wait?: integer }
---@return dunite.native.Lease? lease, table? problem
function limiter:acquire(subject, concurrency, daily_cap, options) end
---@return integer running, integer counted, integer reset_in_secs
function limiter:look(subject) end
--- Gives back what was counted for the subject today.
---@param subject string
---@return true? ok, table? problem
function limiter:reset(subject) end
--- What acquire would come to, without it: "granted", "shared" (a piece that is counted already), "queued", or the
--- denial's variant.
---@param subject string
---@param concurrency integer
---@param daily_cap integer
---@param options? { share?: string, cover?: integer, slot_only?: boolean, wait?: integer }
---@return string outcome, integer running, integer counted, integer reset_in_secs
function limiter:would(subject, concurrency, daily_cap, options) end
---@return string
function limiter:name() end

---@class dunite.native.Lease  -- has __close and __gc
local lease = {}
function lease:release() end
--- Gives the day's count back (once); the slot stays.
function lease:refund() end

-- Upstream ----------------------------------------------------------------------------------------

---@class dunite.native.Upstream
local upstream = {}
---@param name string
---@return dunite.native.Upstream
function native.upstream(name) end
---@class dunite.native.Fetch
---@field url string                 -- "/path" below the upstream's URL, or absolute (same origin, or foreign = true)
---@field method? string
---@field headers? table<string, string|string[]>
---@field body? string
---@field scope? string              -- the token scope it needs: "repository:acme/app:pull"
---@field max? integer               -- bytes of body that are taken, 1 MiB if not given; more is Overloaded
---@field timeout? integer
---@field any_status? boolean        -- else an unusable status is a problem
---@field foreign? boolean
--- Small answers only: the body is read into Lua.
---@async
---@param options dunite.native.Fetch
---@return { status: integer, headers: table<string, string>, body: string }? answer, table? problem
function upstream:fetch(options) end
---@return string
function upstream:url() end
---@return "forgejo"|"oci"|"plain"
function upstream:kind() end
---@return string
function upstream:name() end

-- Cache ---------------------------------------------------------------------------------------------

---@class dunite.native.Cache
local cache = {}
---@type dunite.native.Cache
native.cache = cache
---@class dunite.native.CacheOpen
---@field digest? string             -- "sha256:…"; or
---@field name? string               -- a name of the deployment's own, with
---@field version? string            -- what must be the same for a stored one to count
---@field size? integer
---@field upstream? dunite.native.Upstream -- left out: only look
---@field url? string
---@field headers? table<string, string|string[]>
---@field scope? string
---@field source? string             -- who is asked; a joiner never inherits another source's failure
---@field foreign? boolean
---@field on_abandon? "cancel"|"finish"
---@async
---@param options dunite.native.CacheOpen
---@return dunite.native.Source? source, table? problem
function cache:open(options) end
--- What opening it would find, without opening it; a "coalesced" one is being filled now, one that is
--- too large for the cache is a "bypass".
---@param options dunite.native.CacheOpen
---@return "hit"|"miss"|"coalesced"|"bypass" status, integer? size
function cache:peek(options) end
--- Stores small bytes as a blob. Gives its digest.
---@async
---@param bytes string
---@param digest? string             -- what it must be
---@return string? digest, table? problem
function cache:store(bytes, digest) end
---@param name string
---@return boolean
function cache:forget(name) end

---@class dunite.native.Source  -- a blob, a fill or a passage ("bypass"); has __close and __gc; an answer takes it
local source = {}
---@return integer? size             -- nil while upstream has not said
function source:size() end
---@return string? digest            -- nil while it is not known
function source:digest() end
---@return "hit"|"miss"|"coalesced"|"bypass"
function source:status() end
--- The whole of it, up to max bytes (more is Overloaded). A passage can be read once: that closes it.
---@async
---@param max integer
---@return string? bytes, table? problem
function source:read(max) end
function source:close() end

-- Requests and answers ------------------------------------------------------------------------------

---@class dunite.native.Exchange  -- raises once its request has ended
local exchange = {}
--- At once what each request is asked for: method, path, id and listener.
---@return string method, string path, string id, "main"|"admin"|"control" listener
function exchange:head() end
---@return string
function exchange:method() end
---@return string           -- as sent, without the query
function exchange:path() end
---@return string           -- without '?'; "" when there is none
function exchange:query() end
---@return string?          -- the first header of that name (names fold)
function exchange:header(name) end
---@return string[]         -- all of that name
function exchange:headers(name) end
---@async
---@param max integer
---@return string? body, table? problem
function exchange:body(max) end
---@return string           -- the peer's address; "unix"
function exchange:peer() end
---@return "main"|"admin"|"control"
function exchange:listener() end
---@return string           -- 16 hex digits
function exchange:id() end
--- The route's pattern and name, for logs and metrics.
function exchange:route(pattern) end
--- Who it is, for the access line.
function exchange:member(id) end
--- The true client's address (behind trusted proxies), for the access line.
function exchange:client(address) end

--- What a handler gives back, as the engine reads it (dunite.answer builds these).
---@class dunite.native.Answer
---@field status integer
---@field headers? table<string, string|string[]>
---@field body? string
---@field length? integer                 -- what a HEAD is told when there is neither body nor source
---@field source? dunite.native.Source   -- streamed; ranges and conditions are dealt with in C
---@field etag? string                    -- with quotes; used for conditions and sent
---@field modified? integer               -- seconds since 1970
---@field ranges? boolean                 -- false: never a 206
---@field leases? dunite.native.Lease[]   -- released when the last byte is out or the client gone; refunded when what
---                                        was promised was not delivered because of us or upstream
---@field audit? dunite.native.AuditEvent -- ended with how the exchange ended
---@field problem? table                  -- why it is an error, for logs and metrics
---@field file? dunite.native.File        -- doubles: instead of a source
---@field gate? dunite.native.Gate        -- doubles: what a source or file stands behind
---@field pace? integer                   -- doubles: bytes a second of a source or file

-- Records, members, passwords, keys, audit ------------------------------------------------------------

---@class dunite.native.Records  -- durable, in memory, shared by all workers
local records = {}
---@type dunite.native.Records
native.records = records
--- last: what it was the last time, if known; where it is that still, nothing is copied.
---@param bucket string
---@param key string
---@param last? string
---@return string?
function records:get(bucket, key, last) end
---@return true? ok, table? problem
function records:put(bucket, key, value) end
---@return boolean
function records:delete(bucket, key) end
--- Puts it (or, without a value, deletes it) and waits until the journal has it. Where that fails, the change still holds
--- until the next start.
---@async
---@param value? string
---@return true? ok, table? problem
function records:commit(bucket, key, value) end
---@return string[] keys  -- sorted
function records:keys(bucket, prefix) end

---@class dunite.native.Member
---@field id string
---@field email string
---@field active boolean
---@field admin boolean
---@field entitlements table<string, true>
---@field access_token? string            -- its ID, where one was shown
---@field uses? table<string, true>       -- what it is for; nil: all
---@field applications? table<string, true> -- what it is for; nil: all

---@class dunite.native.Members
local members = {}
---@type dunite.native.Members
native.members = members
---@param name string   -- an id or an email (folds)
---@return dunite.native.Member?
function members:find(name) end
---@return dunite.native.Member[]
function members:list() end
--- Checks a password in the password lane; the same cost when there is no such member. Failures are limited per name and
--- address, and per address.
---@async
---@param name string
---@param password string
---@param address string
---@param outside? { id: string, email: string, password_hash: string, active: boolean }  -- a member who is kept elsewhere
---@return dunite.native.Member? member, table? problem  -- problem nil: wrong; Overloaded{retry_after}: too many failures
function members:verify(name, password, address, outside) end
--- The seconds for which too many failures refuse this name from this address; nil: they do not.
---@param name string
---@param address string
---@return integer? retry_after
function members:slowed(name, address) end
--- Makes or changes a member durably. password is hashed in the password lane.
---@async
---@param member { id: string, email?: string, password?: string, active?: boolean, admin?: boolean, entitlements?: string[] }
---@return true? ok, table? problem
function members:save(member) end
---@async
---@return true? ok, table? problem
function members:remove(id) end
--- Members from a CSV file (engine/store/member_import.h), all of them or, where there are findings ("LINE<tab>what", a line
--- each), none; skip_bad: all but the bad ones; dry_run: none.
---@async
---@param csv string
---@param options? { skip_bad?: boolean, dry_run?: boolean }
---@return { applied: boolean, added: integer, changed: integer, unchanged: integer, bad: integer, findings: string }? result
---@return table? problem
function members:import(csv, options) end

--- Requests a minute per key (a member's id): true, or false and the seconds until one is allowed.
---@param rule string
---@param key string
---@param per_minute integer
---@return boolean allowed, integer? retry_after
function native.rate(rule, key, per_minute) end

---@class dunite.native.Keys
local keys = {}
---@type dunite.native.Keys
native.keys = keys
--- Signs claims (with iat, jti added) with the active key: a compact JWS, EdDSA.
---@param claims table
---@param typ? string        -- "JWT"; access tokens: "at+jwt"
---@return string? token, table? problem
function keys:mint(claims, typ) end
--- The claims of a token that is right. They are shared with the requests that bring it again: read only.
---@param token string
---@param wanted { issuer: string, audience: string, typ?: string }
---@return table? claims, string? reason
function keys:verify(token, wanted) end
---@return string json        -- RFC 7517
function keys:jwks() end
---@return { kid: string, active: boolean }[]
function keys:list() end
--- A new key that signs from now on; the one before is retired: it verifies only.
---@async
---@return string? kid, table? problem
function keys:create() end
--- That key signs no more; when it was the one that signs, a new one does.
---@async
---@param kid string
---@return string? kid, table? problem
function keys:retire(kid) end
--- A retired key verifies no more: its file is removed.
---@async
---@param kid string
---@return string? kid, table? problem
function keys:remove(kid) end
--- That key signs from now on.
---@async
---@param kid string
---@return string? kid, table? problem
function keys:activate(kid) end
--- Reads the folder again.
---@async
---@return string? nothing, table? problem
function keys:reload() end

---@class dunite.native.Audit
local audit = {}
---@type dunite.native.Audit
native.audit = audit
--- Notes "requested"; the event then ends exactly once.
---@param fields { member?: string, credential?: string, application?: string, version?: string, digest?: string, asset?: string, address?: string, request?: string, kind: "pull"|"part"|"download"|"refresh" }
---@return dunite.native.AuditEvent
function audit:open(fields) end
---@class dunite.native.AuditEvent
local event = {}
--- "completed", "denied", "failed_upstream" (upstream's fault), "failed" (ours), "aborted".
---@param outcome string
---@param reason? string
---@param bytes? integer
function event:close(outcome, reason, bytes) end

return native
