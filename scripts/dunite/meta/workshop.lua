---@meta dunite.native

-- What of dunite.native (native.lua has the rest) is for `dunite explain` and `dunite check` only.

---@class dunite.native
local native = {}

-- Explaining ------------------------------------------------------------------------------------------

--- From now on this request only explains: operations that would change or ask something are told to the explainer,
--- explainer(operation, …), which gives true and what they are to give, or false: then they are done. at: what time it
--- is. nil: they are done again. (dunite.explain has all of that.)
---@param explainer? fun(operation: string, ...): boolean, ...
---@param at? integer
function native.explain(explainer, at) end

--- Does the request that runs only explain?
---@return boolean
function native.explains() end
--- What conditions and ranges make of a 200 (RFC 9110): 200, 206, 304, 412 or 416.
---@param thing { method: string, size?: integer, etag?: string, modified?: integer, ranges?: boolean }
---@param headers table<string, string>   -- names in small letters
---@return integer status
function native.decide(thing, headers) end

-- Scripts ------------------------------------------------------------------------------------------------

--- The deployment's folder, as it was given.
---@return string?
function native.deployment_folder() end
--- The text of a standard script ("dunite/router.lua"), of --scripts DIR or the program's own.
---@param path string
---@return string?
function native.standard(path) end
---@return string[]  -- the paths of those that the program carries
function native.standards() end
--- Is it a module of C's, or one that is loaded already?
---@return boolean
function native.preloaded(name) end

return native
