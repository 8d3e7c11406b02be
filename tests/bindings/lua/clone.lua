-- What crosses from a flight to its cohort: structured clones.

local function cross(value, problem)
  return native.flights("reports"):run("clone", function() return value, problem end)
end

local function refused(pattern, value)
  local got, problem = cross(value)
  eq(nil, got)
  eq("Script", problem.variant)
  eq(error_meta, getmetatable(problem))
  if not problem.message:find(pattern) then error(("wanted %q, got %q"):format(pattern, problem.message), 2) end
end

return {
  ["plain values and tables of them cross, with their types"] = function()
    local value = {
      1, 2.0, -0.5, "a\0b", true, false, native.json.null,
      nested = { [1.5] = "float", [true] = "boolean", [-3] = "integer", [""] = {} },
      math.mininteger, math.huge,
    }
    local got = cross(value)
    assert(same(value, got))
    assert(rawequal(value, got) == false and rawequal(value.nested, got.nested) == false)
    eq(nil, (cross(nil)))
    eq(false, (cross(false)))
    eq("", (cross("")))
  end,
  ["the problem crosses too, with its enum"] = function()
    local denial = setmetatable({ variant = "DailyCap", reset_in_secs = 10 }, denial_meta)
    local value, problem = cross(nil, denial)
    eq(nil, value)
    assert(same(denial, problem))
    eq(denial_meta, getmetatable(problem))
  end,
  ["arrays of json keep their metatable"] = function()
    local got = cross(native.json.decode '{"list":[]}')
    eq(native.json.array, getmetatable(got.list))
  end,
  ["a table that is referred to twice becomes two"] = function()
    local shared = { 1 }
    local got = cross { a = shared, b = shared }
    eq(1, got.a[1])
    eq(1, got.b[1])
    assert(not rawequal(got.a, got.b))
  end,
  ["functions, coroutines and handles do not cross, and it is said where they are"] = function()
    refused("^a function cannot cross; only nil", print)
    refused("^a function cannot cross at .a%[2%].open;", { a = { 1, { open = print } } })
    refused("^a thread cannot cross at %[1%];", { coroutine.create(print) })
    refused("^a userdata cannot cross", native.limiter("downloads"))
    refused("^a userdata cannot cross", { [io.stdout] = 1 })
    refused("^a table with a metatable of its own cannot cross at .x;", { x = setmetatable({}, {}) })
  end,
  ["a cycle is an error, not a crash"] = function()
    local loop = { inner = {} }
    loop.inner.back = loop
    refused("^a table inside itself cannot cross at .inner.back;", loop)
    local key = {}
    key[key] = 1
    refused("^a table inside itself", key)
  end,
  ["depth is bounded: 100 is fine, 10,000 is an error"] = function()
    local deep = "bottom"
    for _ = 1, 100 do deep = { deep } end
    local got = cross(deep)
    for _ = 1, 100 do got = got[1] end
    eq("bottom", got)
    refused("nested more than 100 deep", { deep })
    for _ = 1, 10000 do deep = { deep } end
    refused("nested more than 100 deep", deep)
  end,
  ["size is bounded"] = function()
    local half = ("x"):rep(8 * 1024 * 1024)
    refused("more than 16 MiB", { half, half })
    local doubling = { half = ("x"):rep(1024) }
    for _ = 1, 40 do doubling = { doubling, doubling } end
    refused("more than 16 MiB", doubling)
  end,
}
