# du_embed(TARGET DIR PREFIX): compiles the .lua files below DIR into TARGET, as the table that embedded.h
# declares (du_embedded_scripts). A file's name there is PREFIX and its path below DIR.
#
# The table is written anew when a file changes, comes or goes. This file is also the script that
# writes it: cmake -DDIR=… -DPREFIX=… -DOUT=… -P EmbedScripts.cmake

set(DU_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(du_embed target dir prefix)
  get_filename_component(dir ${dir} ABSOLUTE)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${target}_embedded_scripts.c)
  file(GLOB_RECURSE scripts CONFIGURE_DEPENDS ${dir}/*.lua)
  # The list of names is an input too: a file that goes leaves nothing newer behind.
  file(GENERATE OUTPUT ${out}.list CONTENT "${scripts}\n")
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DDIR=${dir} -DPREFIX=${prefix} -DOUT=${out} -P ${DU_EMBED_SCRIPT}
    DEPENDS ${scripts} ${out}.list ${DU_EMBED_SCRIPT}
    COMMENT "Embedding ${dir}" VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()

if(NOT CMAKE_SCRIPT_MODE_FILE)
  return()
endif()

file(GLOB_RECURSE scripts RELATIVE ${DIR} ${DIR}/*.lua)
list(SORT scripts)
set(texts "")
set(rows "")
set(number 0)
foreach(script IN LISTS scripts)
  file(READ ${DIR}/${script} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND texts "static const unsigned char script_${number}[] = {${bytes}0};\n")
  string(APPEND rows
         "    {\"${PREFIX}${script}\", (const char *)script_${number}, sizeof script_${number} - 1},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT} "#include \"embedded.h\"\n\n${texts}
const struct du_embedded_script du_embedded_scripts[] = {\n${rows}    {0, 0, 0}};
const size_t du_embedded_script_count = ${number};\n")
