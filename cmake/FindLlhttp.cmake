# Llhttp::llhttp: the HTTP/1 parser, compiled from the C sources that Debian's node-llhttp carries
# (Debian 12 has no library of it).
#
# Strict mode is a definition that everyone who uses the target shares: without it the parser lets
# "X:\rContent-Length: 9" and "Host : a" pass, which other servers read differently.

find_path(Llhttp_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH)
find_path(Llhttp_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp NO_DEFAULT_PATH)

if(Llhttp_INCLUDE_DIR)
  file(STRINGS ${Llhttp_INCLUDE_DIR}/llhttp.h llhttp_version_lines
       REGEX "#define LLHTTP_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*PATCH ([0-9]+).*" "\\1.\\2.\\3"
         Llhttp_VERSION "${llhttp_version_lines}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Llhttp
  REQUIRED_VARS Llhttp_SOURCE_DIR Llhttp_INCLUDE_DIR
  VERSION_VAR Llhttp_VERSION
  REASON_FAILURE_MESSAGE "llhttp's C sources are missing: apt-get install node-llhttp")

if(Llhttp_FOUND AND NOT TARGET Llhttp::llhttp)
  add_library(llhttp STATIC ${Llhttp_SOURCE_DIR}/api.c ${Llhttp_SOURCE_DIR}/http.c
                            ${Llhttp_SOURCE_DIR}/llhttp.c)
  target_include_directories(llhttp SYSTEM PUBLIC ${Llhttp_INCLUDE_DIR})
  target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)
  # Not ours to mend: no warnings. The sanitizers of the folder stay on.
  target_compile_options(llhttp PRIVATE -w)
  add_library(Llhttp::llhttp ALIAS llhttp)
endif()
