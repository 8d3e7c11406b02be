local answer, desk = require "dunite.answer", require "desk"

return function(app)
  -- At once: the program's own function, called like any other.
  app:get("/clerk", function() return answer.text(desk.clerk()) end)

  -- Later: the function waits for a thread of the program's; the worker serves others meanwhile.
  app:get("/ask/:question", function(req)
    local reply, failed = desk.ask(req.params.question)
    if not reply then return answer.error(failed) end
    return answer.text(reply)
  end)
end
