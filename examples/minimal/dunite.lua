-- A complete gateway: members download the release assets of one private repository, two at a time, fifty a day.

local dunite = require "dunite"

return dunite.deployment {
  upstreams = {
    forgejo = { kind = "forgejo", url = dunite.env "FORGEJO_BASE_URL", token = dunite.secret "FORGEJO_API_TOKEN" },
  },
  limits = { downloads = { concurrency = 2, daily_cap = 50 } },
  catalog = {
    { slug = "tool", source = { kind = "release", owner = "acme", repo = "tool" }, pinned_release = "v1.0.0" },
  },
  routes = "routes",
}
