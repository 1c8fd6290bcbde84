# Run by `cmake --install` with `program` set: completions, manual pages and the schema of configs, as the program
# prints them.
set(share "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/share")

function(keep file)
  get_filename_component(folder "${share}/${file}" DIRECTORY)
  file(MAKE_DIRECTORY "${folder}")
  message(STATUS "Installing: ${share}/${file}")
  execute_process(COMMAND "${program}" ${ARGN} OUTPUT_FILE "${share}/${file}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

keep(bash-completion/completions/dikdik completion bash)
keep(zsh/site-functions/_dikdik completion zsh)
keep(fish/vendor_completions.d/dikdik.fish completion fish)
keep(dikdik/dikdik.schema.json config --schema)
keep(man/man1/dikdik.1 man)
file(STRINGS "${share}/man/man1/dikdik.1" others REGEX "^\\.BR dikdik\\\\-")
foreach(line IN LISTS others)
  string(REGEX REPLACE "^\\.BR dikdik\\\\-([a-z]+) .*" "\\1" command "${line}")
  keep(man/man1/dikdik-${command}.1 man ${command})
endforeach()
