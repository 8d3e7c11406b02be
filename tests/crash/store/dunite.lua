-- What the crash test of the store kills: blobs by name and by digest from upstream, small ones that are stored, in a cache
-- that is too small for all.

local dunite = require "dunite"
local answer = require "dunite.answer"

local function served(source, problem) return source and answer.blob { name = "x", source = source } or problem end

local function routes(app)
  local upstream = app.upstreams.origin
  local function url(name) return "/acme/tool/releases/download/v1.0.0/" .. name end

  app:get("/name/:name", function(req)
    local name = req.params.name
    return served(dunite.cache:open { name = name, version = "1", upstream = upstream, url = url(name), source = "origin" })
  end)
  app:get("/digest/:name/:digest", function(req)
    return served(dunite.cache:open {
      digest = req.params.digest, upstream = upstream, url = url(req.params.name), source = "origin",
    })
  end)
  app:get("/stored/:number", function(req)
    local digest, problem = dunite.cache:store(("%s of a crash test\n"):format(req.params.number):rep(100))
    if not digest then return problem end
    return served(dunite.cache:open { digest = digest })
  end)
end

return dunite.deployment {
  name = "crash",
  listen = { "127.0.0.1:0" },
  workers = 2,
  upstreams = { origin = { kind = "forgejo", url = dunite.env "FORGEJO_BASE_URL", token = dunite.secret "FORGEJO_API_TOKEN" } },
  cache = { max_bytes = "12MiB", min_free_bytes = 0 },
  routes = routes,
}
