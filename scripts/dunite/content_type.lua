-- Content types by file ending (IANA media types); application/octet-stream for all else.

local types = {
  gz = "application/gzip", tgz = "application/gzip", zip = "application/zip", xz = "application/x-xz",
  bz2 = "application/x-bzip2", zst = "application/zstd", tar = "application/x-tar",
  ["7z"] = "application/x-7z-compressed", deb = "application/vnd.debian.binary-package", rpm = "application/x-rpm",
  apk = "application/vnd.android.package-archive",
  dmg = "application/x-apple-diskimage", msi = "application/x-msi", jar = "application/java-archive",
  json = "application/json", xml = "application/xml", pdf = "application/pdf", wasm = "application/wasm",
  txt = "text/plain; charset=utf-8", md = "text/markdown; charset=utf-8", asc = "text/plain; charset=utf-8",
  sig = "application/pgp-signature", sha256 = "text/plain; charset=utf-8",
}

return function(name)
  local ending = name:match("%.([%w]+)$")
  return ending and types[ending:lower()] or "application/octet-stream"
end
