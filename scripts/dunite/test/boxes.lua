-- The engine's objects, opened for luassert's spy and stub: in specs a method of one object can be replaced, as with a
-- table. (Elsewhere they are closed: scripts share them.)

local M = {}

local METHODS_OF = "^dunite%.native%."

--- The methods of each sort of object, by its class.
---@type table<string, table<string, function>>
M.methods = {}

-- Methods that stand in for a box's own, by box.
local own = setmetatable({}, { __mode = "k" })

local function open(meta, methods)
  meta.__index = function(box, name)
    local mine = own[box]
    local method = mine and mine[name]
    if method ~= nil then return method end
    return methods[name]
  end
  meta.__newindex = function(box, name, method)
    own[box] = own[box] or {}
    own[box][name] = method
  end
end

-- luassert's stub wants a table: it gets one that stands for the box.
local function take_boxes(stub)
  local new = stub.new
  stub.new = function(object, ...)
    if type(object) ~= "userdata" then return new(object, ...) end
    return new(setmetatable({}, {
      __index = function(_, name) return object[name] end,
      __newindex = function(_, name, method) object[name] = method end,
    }), ...)
  end
end

--- All sorts of objects that this state knows, from now on.
function M.open()
  take_boxes(require "luassert.stub")
  for name, meta in pairs(debug.getregistry()) do
    local is_box = type(name) == "string" and name:find(METHODS_OF) and type(meta) == "table"
    if is_box and type(meta.__index) == "table" then
      M.methods[name] = meta.__index
      open(meta, meta.__index)
    end
  end
end

return M
