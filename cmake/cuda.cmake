# Kernels for NVIDIA's devices: every compute/cuda/*_kernels.c, which the C compiler has already made
# part of the emulator, once more by nvcc. DIKDIK_CUDA: AUTO, where nvcc is found; ON; OFF.
set(DIKDIK_CUDA AUTO CACHE STRING "Kernels for CUDA devices: AUTO, ON, OFF")
set(DIKDIK_CUDA_LEAST 12.4)

# Sets CUDA_NVCC and CUDA_ROOT where there is an nvcc that is new enough, else CUDA_WHY.
function(find_nvcc)
  find_program(CUDA_NVCC_PATH nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
  if(NOT CUDA_NVCC_PATH)
    set(CUDA_WHY "there is no nvcc" PARENT_SCOPE)
    return()
  endif()
  execute_process(COMMAND ${CUDA_NVCC_PATH} --version OUTPUT_VARIABLE text ERROR_QUIET)
  string(REGEX MATCH "release ([0-9]+\\.[0-9]+)" text "${text}")
  set(version "${CMAKE_MATCH_1}")
  if(version STREQUAL "" OR version VERSION_LESS DIKDIK_CUDA_LEAST)
    set(CUDA_WHY "${CUDA_NVCC_PATH} is of CUDA ${version}, older than ${DIKDIK_CUDA_LEAST}" PARENT_SCOPE)
    return()
  endif()
  get_filename_component(real ${CUDA_NVCC_PATH} REALPATH)
  get_filename_component(root ${real} DIRECTORY)
  get_filename_component(root ${root} DIRECTORY)
  find_library(CUDA_CUDART cudart_static HINTS ${root}/lib64 ${root}/targets/x86_64-linux/lib)
  if(NOT CUDA_CUDART)
    set(CUDA_WHY "${root} has no libcudart_static.a" PARENT_SCOPE)
    return()
  endif()
  set(CUDA_NVCC ${CUDA_NVCC_PATH} PARENT_SCOPE)
  set(CUDA_ROOT ${root} PARENT_SCOPE)
endfunction()

# cuda_kernels(TARGET FILE...): adds nvcc's objects of these files to the target, and what they need.
function(cuda_kernels target)
  foreach(file ${ARGN})
    get_filename_component(name ${file} NAME_WE)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.cuda.o)
    # The same flags in every kind of build, so that a compiler cache finds them again.
    add_custom_command(OUTPUT ${object}
      COMMAND ${CMAKE_C_COMPILER_LAUNCHER} ${CUDA_NVCC} -x cu -std=c++17 -O3 -Xcompiler=-fno-threadsafe-statics
        -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=sm_90
        -gencode arch=compute_90,code=compute_90
        -I${PROJECT_SOURCE_DIR} -MD -MF ${object}.d -c ${file} -o ${object}
      DEPENDS ${file} DEPFILE ${object}.d COMMENT "Building CUDA object ${name}" VERBATIM)
    target_sources(${target} PRIVATE ${object})
  endforeach()
  target_include_directories(${target} SYSTEM PRIVATE ${CUDA_ROOT}/include)
  target_compile_definitions(${target} PRIVATE DIKDIK_CUDA)
  target_link_libraries(${target} PRIVATE ${CUDA_CUDART} dl rt Threads::Threads)
endfunction()
