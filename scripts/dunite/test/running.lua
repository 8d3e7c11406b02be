-- What a spec file has started, stopped when the file ends.

local native = require "dunite.native"

local M = {}

local things = {}
local listening = false

local function stop_all()
  for i = #things, 1, -1 do M.stop(things[i]) end
end

--- Stops one: its engine, then its folder.
function M.stop(thing)
  for i, each in ipairs(things) do
    if each == thing then table.remove(things, i) end
  end
  if thing.engine then thing.engine:stop() end
  if thing.folder then native.spec.remove(thing.folder) end
  thing.engine, thing.folder = nil, nil
end

--- Notes a thing with an engine, a folder, or both.
function M.add(thing)
  if not listening then
    require("busted").subscribe({ "file", "end" }, stop_all)
    listening = true
  end
  things[#things + 1] = thing
end

--- All that run.
function M.all() return table.move(things, 1, #things, 1, {}) end

return M
