local decode = native and native.json.decode
local encode = native and native.json.encode

local function refused(text, why)
  local value, reason = decode(text)
  eq(nil, value)
  if not reason:find(why, 1, true) then error(("%q: wanted %q, got %q"):format(text, why, reason), 2) end
end

return {
  ["values come as Lua's"] = function()
    local value = decode [[ {"a": [1, -2, 1.5, 1e2, "x", true, false, null], "b": {}} ]]
    assert(same({ 1, -2, 1.5, 100.0, "x", true, false, native.json.null }, setmetatable(value.a, nil)))
    eq(nil, next(value.b))
    eq("integer", math.type(decode "5"))
    eq(native.json.null, decode "null")
  end,
  ["an empty array stays an array, an empty object an object"] = function()
    eq(native.json.array, getmetatable(decode "[]"))
    eq(nil, getmetatable(decode "{}"))
    eq("[]", encode(decode "[ ]"))
    eq("{}", encode(decode "{ }"))
    eq('{"data":[]}', encode { data = setmetatable({}, native.json.array) })
  end,
  ["an integer is exact or refused"] = function()
    eq(9007199254740992, decode "9007199254740992")
    eq(-9007199254740992, decode "-9007199254740992")
    refused("9007199254740993", "an integer that a double cannot hold")
    refused("92233720368547758080", "an integer that a double cannot hold")
    refused("9223372036854775807", "an integer that a double cannot hold")
    refused("1e999", "a number that a double cannot hold")
    eq("9007199254740993", encode(9007199254740993))
    eq("-9223372036854775808", encode(math.mininteger))
    eq("300", encode(600 / 2))
    eq("0.1", encode(0.1))
    eq("1e+300", encode(1e300))
  end,
  ["what is no JSON is refused, and where"] = function()
    refused("", "an end where a value should be, at byte 1")
    refused("[1,]", "no JSON value, at byte 4")
    refused("[1 2]", "without ',' or ']'")
    refused('{"a" 1}', "a key without ':'")
    refused("{a:1}", "a key that is no string")
    refused('{"a":1,}', "a key that is no string")
    refused("01", "something after the value")
    refused("1.", "without digits")
    refused("-", "without digits")
    refused("nul", "no JSON value")
    refused("[1] x", "something after the value")
    refused('"a', "without an end")
    refused('"\\', "without an end")
    refused('"\\x"', "an unknown escape")
    refused('"\n"', "a control character")
    refused('"\\ud800"', "half a surrogate pair")
    refused('"\\udc00\\ud800"', "half a surrogate pair")
    refused('"\\u12"', "four hex digits")
    refused('"\xff"', "no UTF-8")
    refused('"\xc0\x80"', "no UTF-8")
    refused('"\xed\xa0\x80"', "no UTF-8")
    refused("\0", "no JSON value")
  end,
  ["escapes are undone and made"] = function()
    eq("a\"\\/\b\f\n\r\tA\u{e9}\u{1f600}\0", decode [["a\"\\\/\b\f\n\r\tA\u00e9\ud83d\ude00\u0000"]])
    eq([["\"\\\n\u0001é"]], encode "\"\\\n\1é")
  end,
  ["depth and size are bounded"] = function()
    local function nested(n) return ("["):rep(n) .. ("]"):rep(n) end
    assert(decode(nested(64)))
    refused(nested(65), "more than 64 deep")
    refused(("["):rep(1000000), "more than 64 deep")
    refused('"' .. ("x"):rep(8 * 1024 * 1024) .. '"', "more than 8 MiB")
    local deep = {}
    for _ = 1, 64 do deep = { deep } end
    raises("more than 64 deep", encode, deep)
    local loop = {}
    loop[1] = loop
    raises("a table inside itself", encode, loop)
  end,
  ["the same value gives the same text"] = function()
    eq('{"a":1,"a\\u0000":2,"b":[1,2,3],"c":null}', encode { c = native.json.null, b = { 1, 2, 3 }, ["a\0"] = 2, a = 1 })
  end,
  ["what JSON cannot say is refused"] = function()
    raises("JSON has no function", encode, { print })
    raises("JSON has no infinities", encode, 1 / 0)
    raises("JSON has no infinities", encode, 0 / 0)
    raises("strings as keys", encode, { 1, 2, x = 3 })
    raises("strings as keys", encode, { [2] = 1 })
    raises("is not, at byte 2", encode, "a\xff")
    raises("JSON has no userdata", encode, io.stdout)
  end,
}
