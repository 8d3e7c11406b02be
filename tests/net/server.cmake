# The tests of the server half of the floor.
foreach(module framing http1 reply)
  du_test(net ${CMAKE_CURRENT_LIST_DIR}/test_${module}.c)
endforeach()
# A server on a loop and a clock of its own, with clients.
add_library(net_stand STATIC ${CMAKE_CURRENT_LIST_DIR}/stand.c ${CMAKE_CURRENT_LIST_DIR}/played.c)
target_include_directories(net_stand PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(net_stand PUBLIC du_net PkgConfig::CMOCKA)
foreach(test server server_body server_client server_refuse server_request server_time socket)
  du_test(net ${CMAKE_CURRENT_LIST_DIR}/test_${test}.c LINK net_stand)
endforeach()
