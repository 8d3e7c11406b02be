# One library per floor. A floor compiles against the include folders of lower floors only,
# so an include that climbs does not compile.

set(DU_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize= takes them")
option(DU_FUZZ "Build the fuzzers (clang)" OFF)

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# The floors go into libdunite too, where only what dunite.h declares is seen from outside.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wswitch-enum -Wmissing-prototypes -Wvla -Werror -fno-omit-frame-pointer)
if(DU_SANITIZE)
  add_compile_options(-fsanitize=${DU_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${DU_SANITIZE})
endif()
if(DU_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link) # the fuzzers see which of our branches they took
endif()

set(DU_FLOORS base core loop store net flow task bindings host lib cli)

# du_floor(NAME SOURCES a.c … [LINK libraries …]): the library du_NAME. It links the floor libraries
# below that it names in LINK (as du_base, du_loop, …) and what they link.
function(du_floor name)
  cmake_parse_arguments(FLOOR "" "" "SOURCES;LINK" ${ARGN})
  add_library(du_${name} STATIC ${FLOOR_SOURCES})
  target_include_directories(du_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(du_${name} PUBLIC Threads::Threads ${FLOOR_LINK})
  list(FIND DU_FLOORS ${name} here)
  foreach(library IN LISTS FLOOR_LINK)
    if(library MATCHES "^du_(.+)$")
      list(FIND DU_FLOORS ${CMAKE_MATCH_1} there)
      if(there GREATER_EQUAL here)
        message(FATAL_ERROR "floor ${name} may not link ${library}: it is not below")
      endif()
    endif()
  endforeach()
endfunction()

# du_test(FLOOR test_x.c [LINK libraries …] [ARGS …]): one cmocka program, labelled with its floor.
function(du_test floor source)
  cmake_parse_arguments(TEST "" "" "LINK;ARGS" ${ARGN})
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET GLOBAL cmocka)
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE du_${floor} ${TEST_LINK} PkgConfig::CMOCKA)
  add_test(NAME ${floor}/${name} COMMAND ${name} ${TEST_ARGS})
  set_tests_properties(${floor}/${name} PROPERTIES LABELS "${floor}" TIMEOUT 120)
endfunction()
