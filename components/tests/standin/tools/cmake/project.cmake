# project() and the commands of ESP-IDF's CMake that the component and its examples use. Given on the command line:
# STANDIN_SDKCONFIG, a folder with sdkconfig.h and sdkconfig.cmake.

set(standin_dir "${CMAKE_CURRENT_LIST_DIR}/../..")
include("${STANDIN_SDKCONFIG}/sdkconfig.cmake")
set(IDF_TARGET "${CONFIG_IDF_TARGET}")
set(standin_warnings -std=gnu17 -Os -Wall -Wextra -Werror -Wno-unused-parameter -ffunction-sections -fdata-sections)

# Those of ESP-IDF's components that there are here.
set(standin_components
    console esp_driver_gptimer esp_hw_support esp_mm esp_rom esp_system esp_timer freertos heap log soc spi_flash)

macro(project name)
    _project(${name} C)
    standin_project(${name})
endmacro()

function(idf_component_register)
    cmake_parse_arguments(arg "WHOLE_ARCHIVE" "" "SRCS;INCLUDE_DIRS;REQUIRES;PRIV_REQUIRES;LDFRAGMENTS" ${ARGN})
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "idf_component_register does not know ${arg_UNPARSED_ARGUMENTS}")
    endif()
    foreach(required ${arg_REQUIRES} ${arg_PRIV_REQUIRES})
        if(NOT required IN_LIST standin_components)
            message(FATAL_ERROR "there is no component ${required}")
        endif()
    endforeach()
    foreach(fragment ${arg_LDFRAGMENTS})
        if(NOT EXISTS "${CMAKE_CURRENT_LIST_DIR}/${fragment}")
            message(FATAL_ERROR "${fragment} is missing")
        endif()
    endforeach()
    get_filename_component(name "${CMAKE_CURRENT_LIST_DIR}" NAME)
    add_library(${name} STATIC ${arg_SRCS})
    target_compile_options(${name} PRIVATE ${standin_warnings})
    target_include_directories(${name} PUBLIC ${arg_INCLUDE_DIRS})
    target_link_libraries(${name} PUBLIC standin)
    set_target_properties(${name} PROPERTIES STANDIN_WHOLE "${arg_WHOLE_ARCHIVE}")
    set(COMPONENT_LIB ${name} PARENT_SCOPE)
endfunction()

function(add_prebuilt_library name archive)
    add_library(${name} STATIC IMPORTED GLOBAL)
    set_target_properties(${name} PROPERTIES IMPORTED_LOCATION "${archive}")
endfunction()

# Where the manifest of main says that the component is.
function(standin_override_path result)
    file(READ "${CMAKE_CURRENT_SOURCE_DIR}/main/idf_component.yml" manifest)
    if(NOT manifest MATCHES "override_path: \"([^\"]+)\"")
        message(FATAL_ERROR "main/idf_component.yml does not say where the component is")
    endif()
    get_filename_component(dir "${CMAKE_CURRENT_SOURCE_DIR}/main/${CMAKE_MATCH_1}" ABSOLUTE)
    set(${result} "${dir}" PARENT_SCOPE)
endfunction()

function(standin_project name)
    add_library(standin STATIC "${standin_dir}/standin.c" "${standin_dir}/tasks.c" "${standin_dir}/console.c"
        "${standin_dir}/riscv/stack.c")
    target_include_directories(standin PRIVATE "${standin_dir}")
    target_include_directories(standin PUBLIC "${standin_dir}/include" "${STANDIN_SDKCONFIG}")
    target_compile_definitions(standin PUBLIC ESP_PLATFORM=1)
    target_compile_options(standin PRIVATE ${standin_warnings})

    standin_override_path(component)
    get_filename_component(component_name "${component}" NAME)
    add_subdirectory("${component}" "${CMAKE_BINARY_DIR}/${component_name}")
    add_subdirectory(main)
    target_link_libraries(main PUBLIC ${component_name})

    file(WRITE "${CMAKE_BINARY_DIR}/empty.c" "typedef int nothing;\n")
    add_executable(${name}.elf "${CMAKE_BINARY_DIR}/empty.c")
    get_target_property(whole ${component_name} STANDIN_WHOLE)
    if(whole)
        target_link_libraries(${name}.elf PRIVATE
            -Wl,--whole-archive $<TARGET_FILE:${component_name}> -Wl,--no-whole-archive)
        add_dependencies(${name}.elf ${component_name})
    endif()
    target_link_libraries(${name}.elf PRIVATE -Wl,--undefined=app_main -Wl,--gc-sections
        -Wl,-Map=${CMAKE_BINARY_DIR}/${name}.map main)
endfunction()
