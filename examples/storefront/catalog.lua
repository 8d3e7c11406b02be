-- What is offered. Point STOREFRONT_CATALOG at a file of your own.

return {
  {
    slug = "tool",
    name = "Tool",
    source = { kind = "release", owner = "acme", repo = "tool" },
    pinned_release = "v1.0.0",
    image = { owner = "acme", name = "tool" },
    pinned_tag = "v1.0.0",
  },
}
