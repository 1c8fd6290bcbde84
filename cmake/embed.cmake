# embed(OUT_C HEADER FILE...): writes a C file with the bytes of these files, as `embedded_files` of the header: their names,
# in this order. Each ends with a zero byte that is not counted.
function(embed out header)
  set(text "#include \"${header}\"\n")
  set(rows "")
  set(number 0)
  foreach(file ${ARGN})
    get_filename_component(name ${file} NAME)
    string(APPEND text "__asm__(\".section .rodata\\n.balign 16\\nembedded_${number}:\\n.incbin \\\"${file}\\\"\\n\"\n"
      "        \"embedded_${number}_end:\\n.byte 0\\n.global embedded_${number}, embedded_${number}_end\\n.text\");\n"
      "extern const char embedded_${number}[], embedded_${number}_end[];\n")
    string(APPEND rows "    {\"${name}\", embedded_${number}, embedded_${number}_end},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  string(APPEND text "const struct embedded_file embedded_files[] = {\n${rows}    {NULL, NULL, NULL},\n};\n")
  file(CONFIGURE OUTPUT ${out} CONTENT "${text}" @ONLY)
  set_source_files_properties(${out} PROPERTIES OBJECT_DEPENDS "${ARGN}")
endfunction()
