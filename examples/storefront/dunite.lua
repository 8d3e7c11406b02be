-- The storefront: a private Forgejo (or any registry) in front of its members. Driven by the environment.

local dunite = require "dunite"
local env, secret = dunite.env, dunite.secret

local function list(text)
  local items = {}
  for item in text:gmatch("[^%s,]+") do items[#items + 1] = item end
  return items
end

local upstreams = {
  forgejo = { kind = "forgejo", url = env "FORGEJO_BASE_URL", token = secret "FORGEJO_API_TOKEN" },
}
if env("OCI_UPSTREAM_URL", false) then
  upstreams.images = {
    kind = env("OCI_UPSTREAM_KIND", "oci"),
    url = env "OCI_UPSTREAM_URL",
    token = secret("OCI_UPSTREAM_TOKEN", true),
    username = secret("OCI_UPSTREAM_USERNAME", true),
    password = secret("OCI_UPSTREAM_PASSWORD", true),
    credential_hosts = list(env("OCI_UPSTREAM_CREDENTIAL_HOSTS", "")),
  }
end
for _, upstream in pairs(upstreams) do
  upstream.allow_private = list(env("UPSTREAM_ALLOW_PRIVATE", ""))
end

return dunite.deployment {
  name = "storefront",
  listen = list(env("DUNITE_LISTEN", "127.0.0.1:8080")),
  admin_listen = list(env("DUNITE_ADMIN_LISTEN", "")),
  external_url = env("DUNITE_EXTERNAL_URL", false) or nil,
  trusted_proxies = list(env("DUNITE_TRUSTED_PROXIES", "")),
  data_dir = env("DUNITE_DATA_DIR", "data"),
  workers = env("DUNITE_WORKERS", 0),
  upstreams = upstreams,
  limits = {
    downloads = {
      concurrency = env("DOWNLOAD_CONCURRENCY_PER_USER", 2),
      daily_cap = env("DOWNLOAD_DAILY_LIMIT_PER_USER", 50),
    },
    pulls = {
      concurrency = env("OCI_CONCURRENT_MANIFESTS_PER_USER", 2),
      daily_cap = env("OCI_PULLS_PER_USER_PER_DAY", 50),
    },
  },
  cache = { max_bytes = env("CACHE_MAX_BYTES", "50GiB") },
  freshness = {
    releases = env("RELEASE_CACHE_TTL_SECS", 300),
    manifests = env("MANIFEST_CACHE_TTL_SECS", 300),
  },
  tokens = {
    service = env("OCI_REGISTRY_SERVICE", false) or nil,
    realm = env("OCI_REGISTRY_REALM", false) or nil,
    ttl = env("OCI_TOKEN_TTL_SECS", 900),
  },
  catalog = env("STOREFRONT_CATALOG", "catalog.lua"),
  members = env("STOREFRONT_MEMBERS", false) or nil,
  routes = "routes",
}
