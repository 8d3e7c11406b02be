# The tests of the upstream half of the floor.
set(here ${CMAKE_CURRENT_LIST_DIR})
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET GLOBAL cmocka)
add_library(net_fetching STATIC ${here}/double.c ${here}/fetching.c)
target_include_directories(net_fetching PUBLIC ${here})
target_link_libraries(net_fetching PUBLIC du_net)
foreach(module address bearer challenge url)
  du_test(net ${here}/test_${module}.c)
endforeach()
