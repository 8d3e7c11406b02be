-- The registry's errors, their mirror, and the wire codes they end in. Class and status are those of ErrorKind.
--
-- A class Upstream and every 503 is UNAVAILABLE, any other 5xx is UNKNOWN; what does not exist is named by what was
-- asked for (NAME_UNKNOWN, MANIFEST_UNKNOWN, BLOB_UNKNOWN).

local enum = require "dunite.enum"
local errors = require "dunite.errors"

local OciError, mirror = errors.mirror "OciError" {
  into = {
    NotFound = "NotInRegistry",
    Upstream = "RegistryStatus",
    Transport = "RegistryUnreachable",
    Timeout = "RegistryTimeout",
    Integrity = "DigestMismatch",
    InvalidUrl = "LocationRefused",
    Io = "Disk",
    Store = "Ledger",
    Script = "Policy",
    Memory = "OutOfMemory",
    Overloaded = "Busy",
    WaitTimeout = "WaitedTooLong",
    Cancelled = "Abandoned",
  },
  back = {
    NotInRegistry = "NotFound",
    RegistryStatus = "Upstream",
    RegistryUnreachable = "Transport",
    RegistryTimeout = "Timeout",
    DigestMismatch = "Integrity",
    LocationRefused = "InvalidUrl",
    Disk = "Io",
    Ledger = "Store",
    Policy = "Script",
    OutOfMemory = "Memory",
    Busy = "Overloaded",
    WaitedTooLong = "WaitTimeout",
    Abandoned = "Cancelled",
  },
}

local function unavailable() return "UNAVAILABLE" end
local function unknown() return "UNKNOWN" end

--- The wire code of an OciError; missing: the code for what does not exist.
---@type fun(value: table, missing: string): string
local code_of = enum.matcher(OciError) {
  NotInRegistry = function(_, missing) return missing end,
  RegistryStatus = unavailable,
  RegistryUnreachable = unavailable,
  RegistryTimeout = unavailable,
  DigestMismatch = unavailable,
  LocationRefused = unavailable,
  Disk = unknown,
  Ledger = unknown,
  Policy = unknown,
  OutOfMemory = unavailable,
  Busy = unavailable,
  WaitedTooLong = unknown,
  Abandoned = unavailable,
}

return { OciError = OciError, mirror = mirror, code_of = code_of }
