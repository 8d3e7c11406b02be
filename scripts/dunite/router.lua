-- The router: patterns compiled once into a tree.
--
-- Invariants
--  1. A static segment goes before a parameter, a parameter before a wildcard, at every step.
--  2. A path's percent-encoding is undone once, segment by segment, after the split: an encoded slash, "." and "..",
--     a NUL or a malformed escape is 400.
--  3. A path that has routes for other methods only is 405 with Allow; GET routes answer HEAD where no HEAD route does.
--  4. Where a path leads is worked out once and remembered, until a route is added.
--  5. The same method and pattern twice, and a pattern that no path matches, are load errors: while a deployment loads
--     they are gathered, so that all of them are told together.
--
-- Patterns: "/v1/things/:id" takes one segment, "/files/*rest" the rest of the path (at least one segment).

local native = require "dunite.native"
local answer = require "dunite.answer"
local memo = require "dunite.memo"
local text = require "dunite.text"

local M = {}

---@class dunite.Router
local Router = {}
Router.__index = Router

local METHODS = { GET = true, HEAD = true, POST = true, PUT = true, PATCH = true, DELETE = true, OPTIONS = true }

local function new_node() return { static = {} } end

---@return dunite.Router
function M.new()
  return setmetatable({ root = new_node(), routes = {}, mounts = {}, problems = {} }, Router)
end

local function split(path)
  -- Room for most paths, so that the table need not grow.
  local segments, count, start = { nil, nil, nil, nil, nil, nil, nil, nil }, 0, path:find("/", 1, true)
  while start do
    local stop = path:find("/", start + 1, true)
    count = count + 1
    segments[count] = path:sub(start + 1, (stop or 0) - 1)
    start = stop
  end
  return segments
end

local function descend(node, segment, names)
  local kind, name = segment:match("^([:*])(.*)$")
  if not kind then
    node.static[segment] = node.static[segment] or new_node()
    return node.static[segment]
  end
  names[#names + 1] = name
  local key = kind == ":" and "parameter" or "wildcard"
  node[key] = node[key] or new_node()
  return node[key]
end

-- Why no path gets to a segment; nil where one does.
local function unreachable(segment)
  local decoded = native.url_decode(segment, true)
  if decoded == segment and not segment:find "[?#%c]" then return nil end
  local reason = "paths are compared segment by segment, decoded, without their query"
  if decoded and decoded ~= segment then return ("%s (write '%s')"):format(reason, decoded) end
  return reason
end

local function check_segment(segment, names)
  local kind, name = segment:match("^([:*])(.*)$")
  if not kind then
    local why = unreachable(segment)
    return why and ("no path has the segment '%s': %s"):format(segment, why)
  end
  if not name:match("^[%a_][%w_]*$") then return "a parameter needs a name: " .. segment end
  if names[name] then return ("a parameter '%s' is there already (name it otherwise)"):format(name) end
  names[name] = true
end

-- What is wrong with a route; nil when nothing is.
local function check_route(method, pattern, handler)
  if not METHODS[method] then
    return ("no method '%s'%s"):format(tostring(method), text.did_you_mean(method, text.keys(METHODS)))
  end
  if type(pattern) ~= "string" or pattern:sub(1, 1) ~= "/" then return "a pattern begins with '/'" end
  if type(handler) ~= "function" then return ("the handler of %s %s is no function"):format(method, pattern) end
  local names, segments = {}, split(pattern)
  for i, segment in ipairs(segments) do
    if segment:sub(1, 1) == "*" and i < #segments then return "a wildcard comes last: " .. pattern end
    local wrong = check_segment(segment, names)
    if wrong then return wrong end
  end
end

-- Told with all others while a deployment loads; raised elsewhere. level: that of the caller who is to blame.
local function complain(self, message, level)
  if native.phase() ~= "load" then error(message, level + 1) end
  local _, place = pcall(error, "", level + 1)
  self.problems[#self.problems + 1] = place .. message
end

--- Adds a route. handler(req) gives an answer.
---@param method string
---@param pattern string
---@param handler fun(req: dunite.Request): dunite.Answer
---@param name? string
function Router:add(method, pattern, handler, name)
  local wrong = check_route(method, pattern, handler)
  if wrong then return complain(self, wrong, 3) end
  local node, names = self.root, {}
  for _, segment in ipairs(split(pattern)) do node = descend(node, segment, names) end
  node.routes = node.routes or {}
  local there = node.routes[method]
  if there then
    return complain(self, ("%s %s is already there as %s (%s)"):format(method, pattern, there.pattern, there.where), 3)
  end
  local route = {
    method = method, pattern = pattern, handler = handler, names = names, name = name, where = native.where(handler),
  }
  node.routes[method] = route
  self.place = nil
  self.routes[#self.routes + 1] = route
end

for method in pairs(METHODS) do
  Router[method:lower()] = function(self, pattern, handler, name) self:add(method, pattern, handler, name) end
end

--- Everything below the prefix goes to another router: its routes, its own not_found and wrong_method.
---@param prefix string
---@param router dunite.Router
function Router:mount(prefix, router)
  if getmetatable(router) ~= Router then error("mount takes a router", 2) end
  for _, route in ipairs(router.routes) do
    local pattern = route.pattern == "/" and prefix .. "/" or prefix .. route.pattern
    self:add(route.method, pattern, route.handler, route.name)
  end
  table.move(router.problems, 1, #router.problems, #self.problems + 1, self.problems)
  self.mounts[#self.mounts + 1] = { prefix = prefix, router = router }
end

-- The node for the segments from number i on; values gathers what parameters took.
local function find(node, segments, i, values)
  local segment = segments[i]
  if segment == nil then return node.routes and node or nil end
  local static = node.static[segment]
  local found = static and find(static, segments, i + 1, values)
  if found then return found end
  if node.parameter and segment ~= "" then
    local depth = #values
    values[depth + 1] = segment
    found = find(node.parameter, segments, i + 1, values)
    if found then return found end
    for k = #values, depth + 1, -1 do values[k] = nil end
  end
  if node.wildcard then
    values[#values + 1] = table.concat(segments, "/", i)
    return node.wildcard
  end
  return nil
end

local function decode(path)
  local segments = split(path)
  if not path:find("%", 1, true) and not path:find("/.", 1, true) then return segments end
  for i, segment in ipairs(segments) do
    local decoded = native.url_decode(segment, true)
    if not decoded then return nil end
    segments[i] = decoded
  end
  return segments
end

local function methods_of(node)
  local methods = {}
  for method in pairs(node.routes) do methods[method] = true end
  if methods.GET then methods.HEAD = true end
  return text.keys(methods)
end

-- Where a path leads: { node, values of its parameters }; or nil and why nowhere.
local function place_of(root, path)
  local segments = decode(path)
  if not segments then return nil, "bad_path" end
  local values = {}
  local node = find(root, segments, 1, values)
  if not node then return nil, "not_found" end
  return { node = node, values = values }
end

--- The route for a method and a path as it came, with its parameters; or nil and why: "bad_path", "not_found", or the
--- list of methods that would do.
---@return table? route, table|string params_or_why
function Router:match(method, path)
  self.place = self.place or memo.new(function(asked) return place_of(self.root, asked) end)
  local place, why = self.place(path)
  if not place then return nil, why end
  local routes, values = place.node.routes, place.values
  local route = routes[method] or (method == "HEAD" and routes.GET)
  if not route then return nil, methods_of(place.node) end
  local params, names = {}, route.names
  for i = 1, #names do params[names[i]] = values[i] end
  return route, params
end

-- A router may say itself how it refuses: bad_path(req), not_found(req), wrong_method(req, methods), and
-- failed(req, problem) for what its handlers gave or raised.
local REFUSALS = {
  bad_path = function() return answer.problem(400, "bad_path", "This path is malformed.") end,
  not_found = function() return answer.not_found("This page") end,
  wrong_method = function(_, methods) return answer.method_not_allowed(methods) end,
  failed = function(_, problem) return answer.refuse(problem) end,
}

-- How the router that is mounted nearest above the path refuses, or this one does.
local function refusal(self, path, what)
  local best, own
  for _, mount in ipairs(self.mounts) do
    local above = path == mount.prefix or path:sub(1, #mount.prefix + 1) == mount.prefix .. "/"
    if above and mount.router[what] and (not best or #mount.prefix > #best) then
      best, own = mount.prefix, mount.router[what]
    end
  end
  return own or self[what] or REFUSALS[what]
end

--- What to answer where no route matches; why: as match gave it.
function Router:refuse(req, why)
  if type(why) == "table" then return refusal(self, req.path, "wrong_method")(req, why) end
  return refusal(self, req.path, why)(req)
end

--- What to answer where a handler gave or raised a problem.
function Router:fail(req, problem) return refusal(self, req.path, "failed")(req, problem) end

return M
