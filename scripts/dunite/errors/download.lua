-- The download vertical's errors, and their mirror. Class and status are those of ErrorKind; the names are what
-- a download's reader expects.

local errors = require "dunite.errors"

local DownloadError, mirror = errors.mirror "DownloadError" {
  into = {
    NotFound = "AssetNotFound",
    Upstream = "UpstreamStatus",
    Transport = "UpstreamUnreachable",
    Timeout = "UpstreamTimeout",
    Integrity = "IntegrityMismatch",
    InvalidUrl = "UrlRefused",
    Io = "Disk",
    Store = "Ledger",
    Script = "Policy",
    Memory = "OutOfMemory",
    Overloaded = "Busy",
    WaitTimeout = "WaitedTooLong",
    Cancelled = "Abandoned",
  },
  back = {
    AssetNotFound = "NotFound",
    UpstreamStatus = "Upstream",
    UpstreamUnreachable = "Transport",
    UpstreamTimeout = "Timeout",
    IntegrityMismatch = "Integrity",
    UrlRefused = "InvalidUrl",
    Disk = "Io",
    Ledger = "Store",
    Policy = "Script",
    OutOfMemory = "Memory",
    Busy = "Overloaded",
    WaitedTooLong = "WaitTimeout",
    Abandoned = "Cancelled",
  },
}

return { DownloadError = DownloadError, mirror = mirror }
