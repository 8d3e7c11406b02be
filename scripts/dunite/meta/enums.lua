---@meta dunite.enums

-- What editors know of the engine's enums and of the standard verticals': their variants, what a value of each carries, and
-- the arms that a matcher has, one for every variant. A spec compares this file with the enums.

-- Values ------------------------------------------------------------------------------------------------

---@class dunite.Problem                -- a value of ErrorKind
---@field variant string               -- a name of ErrorKind
---@field kind string                  -- the same
---@field class "NotFound"|"Upstream"|"Local"
---@field http integer                 -- the status it becomes
---@field text string                  -- for strangers: tells no secrets
---@field message? string              -- for the log
---@field status? integer              -- Upstream: what upstream answered
---@field retry_after? integer         -- Upstream, Overloaded: seconds
---@field expected? string             -- Integrity
---@field actual? string               -- Integrity

---@class dunite.Denial                 -- a value of LimitDenial
---@field variant "Concurrency"|"DailyCap"
---@field reset_in_secs? integer       -- DailyCap: seconds to the next UTC midnight

-- ErrorKind -----------------------------------------------------------------------------------------------

---@class dunite.enum.ErrorKind: dunite.Enum
---@field NotFound "NotFound"
---@field Upstream "Upstream"
---@field Transport "Transport"
---@field Timeout "Timeout"
---@field Integrity "Integrity"
---@field InvalidUrl "InvalidUrl"
---@field Io "Io"
---@field Store "Store"
---@field Script "Script"
---@field Memory "Memory"
---@field Overloaded "Overloaded"
---@field WaitTimeout "WaitTimeout"
---@field Cancelled "Cancelled"

---@class dunite.ErrorKind.Arms
---@field NotFound fun(value: dunite.Problem, ...: any): any
---@field Upstream fun(value: dunite.Problem, ...: any): any
---@field Transport fun(value: dunite.Problem, ...: any): any
---@field Timeout fun(value: dunite.Problem, ...: any): any
---@field Integrity fun(value: dunite.Problem, ...: any): any
---@field InvalidUrl fun(value: dunite.Problem, ...: any): any
---@field Io fun(value: dunite.Problem, ...: any): any
---@field Store fun(value: dunite.Problem, ...: any): any
---@field Script fun(value: dunite.Problem, ...: any): any
---@field Memory fun(value: dunite.Problem, ...: any): any
---@field Overloaded fun(value: dunite.Problem, ...: any): any
---@field WaitTimeout fun(value: dunite.Problem, ...: any): any
---@field Cancelled fun(value: dunite.Problem, ...: any): any

-- ErrorClass ----------------------------------------------------------------------------------------------

---@class dunite.enum.ErrorClass: dunite.Enum
---@field NotFound "NotFound"
---@field Upstream "Upstream"
---@field Local "Local"

---@class dunite.ErrorClass.Arms
---@field NotFound fun(value: dunite.Problem, ...: any): any
---@field Upstream fun(value: dunite.Problem, ...: any): any
---@field Local fun(value: dunite.Problem, ...: any): any

-- LimitDenial ---------------------------------------------------------------------------------------------

---@class dunite.enum.LimitDenial: dunite.Enum
---@field Concurrency "Concurrency"
---@field DailyCap "DailyCap"

---@class dunite.LimitDenial.Arms
---@field Concurrency fun(value: dunite.Denial, ...: any): any
---@field DailyCap fun(value: dunite.Denial, ...: any): any

-- DownloadError -------------------------------------------------------------------------------------------

---@class dunite.enum.DownloadError: dunite.Enum
---@field AssetNotFound "AssetNotFound"
---@field UpstreamStatus "UpstreamStatus"
---@field UpstreamUnreachable "UpstreamUnreachable"
---@field UpstreamTimeout "UpstreamTimeout"
---@field IntegrityMismatch "IntegrityMismatch"
---@field UrlRefused "UrlRefused"
---@field Disk "Disk"
---@field Ledger "Ledger"
---@field Policy "Policy"
---@field OutOfMemory "OutOfMemory"
---@field Busy "Busy"
---@field WaitedTooLong "WaitedTooLong"
---@field Abandoned "Abandoned"

---@class dunite.DownloadError.Arms
---@field AssetNotFound fun(value: dunite.Problem, ...: any): any
---@field UpstreamStatus fun(value: dunite.Problem, ...: any): any
---@field UpstreamUnreachable fun(value: dunite.Problem, ...: any): any
---@field UpstreamTimeout fun(value: dunite.Problem, ...: any): any
---@field IntegrityMismatch fun(value: dunite.Problem, ...: any): any
---@field UrlRefused fun(value: dunite.Problem, ...: any): any
---@field Disk fun(value: dunite.Problem, ...: any): any
---@field Ledger fun(value: dunite.Problem, ...: any): any
---@field Policy fun(value: dunite.Problem, ...: any): any
---@field OutOfMemory fun(value: dunite.Problem, ...: any): any
---@field Busy fun(value: dunite.Problem, ...: any): any
---@field WaitedTooLong fun(value: dunite.Problem, ...: any): any
---@field Abandoned fun(value: dunite.Problem, ...: any): any

-- OciError ------------------------------------------------------------------------------------------------

---@class dunite.enum.OciError: dunite.Enum
---@field NotInRegistry "NotInRegistry"
---@field RegistryStatus "RegistryStatus"
---@field RegistryUnreachable "RegistryUnreachable"
---@field RegistryTimeout "RegistryTimeout"
---@field DigestMismatch "DigestMismatch"
---@field LocationRefused "LocationRefused"
---@field Disk "Disk"
---@field Ledger "Ledger"
---@field Policy "Policy"
---@field OutOfMemory "OutOfMemory"
---@field Busy "Busy"
---@field WaitedTooLong "WaitedTooLong"
---@field Abandoned "Abandoned"

---@class dunite.OciError.Arms
---@field NotInRegistry fun(value: dunite.Problem, ...: any): any
---@field RegistryStatus fun(value: dunite.Problem, ...: any): any
---@field RegistryUnreachable fun(value: dunite.Problem, ...: any): any
---@field RegistryTimeout fun(value: dunite.Problem, ...: any): any
---@field DigestMismatch fun(value: dunite.Problem, ...: any): any
---@field LocationRefused fun(value: dunite.Problem, ...: any): any
---@field Disk fun(value: dunite.Problem, ...: any): any
---@field Ledger fun(value: dunite.Problem, ...: any): any
---@field Policy fun(value: dunite.Problem, ...: any): any
---@field OutOfMemory fun(value: dunite.Problem, ...: any): any
---@field Busy fun(value: dunite.Problem, ...: any): any
---@field WaitedTooLong fun(value: dunite.Problem, ...: any): any
---@field Abandoned fun(value: dunite.Problem, ...: any): any

-- Matchers ----------------------------------------------------------------------------------------------

---@class dunite.LimitDenialAndErrorClass.Arms: dunite.LimitDenial.Arms, dunite.ErrorClass.Arms
---@class dunite.LimitDenialAndErrorKind.Arms: dunite.LimitDenial.Arms, dunite.ErrorKind.Arms

---@alias dunite.Match fun(value: table, ...: any): any

---@class dunite.MatcherOf
---@overload fun(enum: dunite.enum.LimitDenial): fun(arms: dunite.LimitDenial.Arms): dunite.Match
---@overload fun(enum: dunite.enum.ErrorClass): fun(arms: dunite.ErrorClass.Arms): dunite.Match
---@overload fun(enum: dunite.enum.ErrorKind): fun(arms: dunite.ErrorKind.Arms): dunite.Match
---@overload fun(enum: dunite.enum.DownloadError): fun(arms: dunite.DownloadError.Arms): dunite.Match
---@overload fun(enum: dunite.enum.OciError): fun(arms: dunite.OciError.Arms): dunite.Match
---@overload fun(one: dunite.enum.LimitDenial, other: dunite.enum.ErrorClass): fun(arms: dunite.LimitDenialAndErrorClass.Arms): dunite.Match
---@overload fun(one: dunite.enum.LimitDenial, other: dunite.enum.ErrorKind): fun(arms: dunite.LimitDenialAndErrorKind.Arms): dunite.Match
