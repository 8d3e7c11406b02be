-- Routes that hide others: a path's most exact pattern decides which methods it has, so a route for one method takes
-- the path away from a wider pattern for another. (Wildcards are left out: they are there for what is left.)

local M = {}

local function segments_of(pattern)
  local list = {}
  for segment in pattern:gmatch("/([^/]*)") do list[#list + 1] = segment end
  return list
end

-- Is every path of `exact` one of `wide`, and not the other way round?
local function covers(wide, exact)
  local more = false
  if #wide ~= #exact then return false end
  for i, segment in ipairs(wide) do
    local other, takes = exact[i], segment:sub(1, 1) == ":"
    local is_static = not other:find "^[:*]"
    if not (takes and other:sub(1, 1) ~= "*" or segment == other) then return false end
    more = more or takes and is_static
  end
  return more
end

-- The same for patterns that differ in their parameters' names only.
local function shape(pattern) return (pattern:gsub("([:*])[%w_]+", "%1")) end

local function methods_by_shape(routes)
  local methods = {}
  for _, route in ipairs(routes) do
    local key = shape(route.pattern)
    methods[key] = methods[key] or {}
    methods[key][route.method] = true
    if route.method == "GET" then methods[key].HEAD = true end
  end
  return methods
end

---@param routes table[]   -- as the router has them
---@return string[] warnings
function M.check(routes)
  local warnings, methods = {}, methods_by_shape(routes)
  for _, exact in ipairs(routes) do
    local here = methods[shape(exact.pattern)]
    for _, wide in ipairs(routes) do
      local hidden = not here[wide.method] and covers(segments_of(wide.pattern), segments_of(exact.pattern))
      if hidden then
        warnings[#warnings + 1] = ("%s: %s %s hides %s %s, which is 405 there (write a %s route for it, too)"):format(
          exact.where, exact.method, exact.pattern, wide.method, wide.pattern, wide.method)
      end
    end
  end
  return warnings
end

return M
