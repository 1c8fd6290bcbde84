# module(NAME SRCS a.c ... DEPS core ... LIBS ...): a folder is a target. #include "nn/graph.h" resolves only for those
# that list nn in DEPS (or whose DEPS do), so an include against the arrows of the design does not compile.
function(module name)
  cmake_parse_arguments(M "" "" "SRCS;DEPS;LIBS" ${ARGN})
  add_library(${name} STATIC ${M_SRCS})
  set(root ${CMAKE_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${name} SYMBOLIC)
  target_include_directories(${name} PUBLIC ${root})
  target_link_libraries(${name} PUBLIC ${M_DEPS} PRIVATE ${M_LIBS} dikdik_flags)
endfunction()
