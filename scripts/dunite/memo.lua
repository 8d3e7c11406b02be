-- Memos: what was worked out of a text, kept for the next time.
--
-- Strangers choose the texts (paths, credentials), so a memo is bounded: texts that are long are not kept, and when it
-- is full all of it goes; what is still asked for is soon back.

local M = {}

local MOST, LONGEST = 512, 2048 -- texts; bytes of each

--- A function that gives what make(text) gives: made once, and then the same again. Nobody may change it. What make
--- refuses (nil, and why) is not kept.
---@generic T
---@param make fun(text: string): T?, any
---@return fun(text: string): T?, any
function M.new(make)
  local known, count = {}, 0
  return function(text)
    local value = known[text]
    if value ~= nil then return value end
    local made, why = make(text)
    if made == nil or #text > LONGEST then return made, why end
    if count == MOST then known, count = {}, 0 end
    known[text], count = made, count + 1
    return made
  end
end

return M
