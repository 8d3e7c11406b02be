-- Scripts that `dunite eject` has copied into a deployment: which of them are of another engine's.

local native = require "dunite.native"

local M = {}

-- What eject writes as a copy's first line (engine/cli/eject.c).
local STAMP = "^%-%- Ejected from dunite (%S+): (%S+) sha256:(%x+)"

--- A warning for each copy whose original has changed since.
---@return string[]
function M.check()
  local warnings, version = {}, native.versions().dunite or "?"
  for _, path in ipairs(native.standards()) do
    local source = native.deployment_has(path) and native.read_file(path)
    local from, name, digest = (source or ""):match(STAMP)
    local original = name and native.standard(name)
    if original and native.sha256(original):sub(8, 7 + #digest) ~= digest then
      warnings[#warnings + 1] = ("%s:1: ejected from dunite %s; that of this engine (%s) is another by now (dunite " ..
        "eject --force %s writes it anew, your changes are lost)"):format(path, from, version, name)
    end
  end
  return warnings
end

return M
