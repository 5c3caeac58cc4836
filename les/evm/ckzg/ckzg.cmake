# Sets CKZG_LIBRARY, CKZG_SETUP and CKZG_UNUSED (a pattern: the sources of les/evm that this build leaves out).
# Target ckzg: the C sources of c-kzg and blst as the npm package c-kzg carries them, with flags of their own.
# Without the package there is no library, and a run that needs KZG or BLS12-381 ends with an error that says so.
set(LESGATE_CKZG_DIR "${CMAKE_CURRENT_LIST_DIR}/node_modules/c-kzg" CACHE PATH "the unpacked npm package c-kzg")
set(ckzg_version 4.1.0) # les/evm/kzg.c fills c-kzg's settings itself, so another version must be looked at first
# The folder's date changes when the package comes or goes.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}")

if(NOT EXISTS "${LESGATE_CKZG_DIR}/package.json")
  message(STATUS "c-kzg: not in ${LESGATE_CKZG_DIR}; building without KZG and BLS12-381 (./dev deps fetches it)")
  set(CKZG_UNUSED "/les/evm/(pre_bls12|pre_curves|kzg)\\.c$")
  return()
endif()
set(CKZG_LIBRARY ckzg)
set(CKZG_UNUSED "/les/evm/curves_absent\\.c$")
file(READ "${LESGATE_CKZG_DIR}/package.json" ckzg_package)
string(JSON ckzg_found GET "${ckzg_package}" version)
if(NOT ckzg_found VERSION_EQUAL ckzg_version)
  message(FATAL_ERROR "c-kzg ${ckzg_found} in ${LESGATE_CKZG_DIR}, wanted ${ckzg_version}")
endif()
message(STATUS "c-kzg: ${ckzg_found} in ${LESGATE_CKZG_DIR}; building with KZG and BLS12-381")

enable_language(ASM)
set(ckzg_deps "${LESGATE_CKZG_DIR}/deps")
add_library(ckzg STATIC ${ckzg_deps}/blst/src/server.c ${ckzg_deps}/c-kzg/ckzg.c)
target_include_directories(ckzg SYSTEM PUBLIC ${ckzg_deps}/blst/bindings ${ckzg_deps}/c-kzg ${CMAKE_BINARY_DIR}/ckzg)
target_compile_options(ckzg PRIVATE -O2 -w -ffunction-sections -fdata-sections)
set_source_files_properties(${ckzg_deps}/blst/src/server.c PROPERTIES COMPILE_OPTIONS -fno-builtin) # as its build.sh
target_compile_definitions(ckzg PRIVATE __BLST_PORTABLE__) # what the processor can do is asked at run time
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64|aarch64|arm64)$")
  target_sources(ckzg PRIVATE ${ckzg_deps}/blst/build/assembly.S)
else()
  target_compile_definitions(ckzg PRIVATE __BLST_NO_ASM__)
endif()

set(CKZG_SETUP "${ckzg_deps}/c-kzg/trusted_setup.txt") # whole, for the tests

# The points of the trusted setup that checking needs, as an array of bytes each. The file: the two counts, then a line
# a point: G1 in Lagrange form, G2, G1 in monomial form.
file(STRINGS "${CKZG_SETUP}" ckzg_lines)
list(GET ckzg_lines 0 1 ckzg_counts)
list(LENGTH ckzg_lines ckzg_count)
if(NOT "${ckzg_counts}" STREQUAL "4096;65" OR NOT ckzg_count EQUAL 8259)
  message(FATAL_ERROR "${CKZG_SETUP}: not a setup of 4096 and 65 points")
endif()
function(ckzg_bytes out digits)
  set(text "")
  foreach(line IN LISTS ARGN)
    string(LENGTH "${line}" size)
    if(NOT size EQUAL digits OR NOT line MATCHES "^[0-9a-f]+$")
      message(FATAL_ERROR "${CKZG_SETUP}: not a point of ${digits} digits: ${line}")
    endif()
    string(REGEX REPLACE "(..)" "0x\\1," line "${line}")
    string(APPEND text "    {${line}},\n")
  endforeach()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()
list(GET ckzg_lines 4099 4162 ckzg_g2) # powers 1 and 64 of the secret
list(SUBLIST ckzg_lines 4163 64 ckzg_g1)
ckzg_bytes(ckzg_g2 192 ${ckzg_g2})
ckzg_bytes(ckzg_g1 96 ${ckzg_g1})
file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/ckzg/kzg_setup.c.h" CONTENT
"/* Made by les/evm/ckzg/ckzg.cmake out of c-kzg's trusted_setup.txt. */
static const uint8_t setup_g1[64][48] = {\n@ckzg_g1@};
static const uint8_t setup_g2[2][96] = {\n@ckzg_g2@};
" @ONLY)
