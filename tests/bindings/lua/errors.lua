return {
  ["rows are the engine's tables, in their order"] = function()
    local kinds = native.rows.ErrorKind
    eq("NotFound", kinds[1].name)
    eq(13, #kinds)
    local by_name = {}
    for _, row in ipairs(kinds) do by_name[row.name] = row end
    eq(502, by_name.Transport.http)
    eq("Upstream", by_name.Transport.class)
    eq("always", by_name.Transport.retryable)
    eq("by_status", by_name.Upstream.retryable)
    eq("never", by_name.Io.retryable)
    eq("status,retry_after", table.concat(by_name.Upstream.fields, ","))
    eq("expected,actual", table.concat(by_name.Integrity.fields, ","))
    eq(0, #by_name.Io.fields)
    eq("NotFound,Upstream,Local", table.concat({ native.rows.ErrorClass[1].name, native.rows.ErrorClass[2].name,
      native.rows.ErrorClass[3].name }, ","))
    eq("DailyCap", native.rows.LimitDenial[2].name)
    eq("reset_in_secs", native.rows.LimitDenial[2].fields[1])
  end,
  ["a problem that C makes has the enum's metatable and its fields"] = function()
    local value, problem = native.upstream("origin"):fetch { url = "http://elsewhere.example/x" }
    eq(nil, value)
    eq("InvalidUrl", problem.variant)
    eq(error_meta, getmetatable(problem))
    assert(problem.message:find("not origin's", 1, true), problem.message)
    eq(nil, problem.status)
    eq(nil, problem.retry_after)
  end,
  ["a raised problem keeps its kind, through pcall and out of a flight"] = function()
    local raised = setmetatable({ variant = "Upstream", status = 418, retry_after = 7, message = "tea" }, error_meta)
    local _, caught = pcall(error, raised)
    eq(raised, caught)
    local value, problem = native.flights("reports"):run("raise", function() error(raised) end)
    eq(nil, value)
    assert(same(raised, problem))
  end,
  ["anything else that is raised is a Script problem"] = function()
    local flights = native.flights("reports")
    for _, raised in ipairs { "plain", { variant = "Transport" }, 5 } do
      local value, problem = flights:run("raise", function() error(raised, 0) end)
      eq(nil, value)
      eq("Script", problem.variant)
    end
  end,
  ["what asks for the engine's objects by a name that is not declared raises"] = function()
    raises('no limit "uploads" is declared', native.limiter("uploads").look, native.limiter("uploads"), "ada")
    raises('no flights "x" are declared', native.flights("x").in_flight, native.flights("x"))
    raises('no upstream "x" is declared', native.upstream("x").url, native.upstream("x"))
  end,
  ["a wrong self raises, it does not crash"] = function()
    raises("dunite.native.Limiter expected", native.limiter("downloads").look, native.flights("reports"), "x")
    raises("dunite.native.Flights expected", native.flights("reports").run, {}, "x", print)
    raises("dunite.native.Limiter expected", native.limiter("downloads").acquire, io.stdout)
    eq(false, getmetatable(native.limiter("downloads")))
  end,
}
