# SPDX-License-Identifier: Apache-2.0
# One INTERFACE target carries every compiler flag; each target of ours links it PRIVATE.
option(CORDON_WERROR "Warnings are errors" ON)
set(CORDON_SYSCONF_DIR "/etc/cordon" CACHE STRING "Folder of what root sets for all of the host")
option(CORDON_HARDEN "Hardening flags (release)" OFF)
set(CORDON_SANITIZE "" CACHE STRING "Value for -fsanitize=, empty for none")
option(CORDON_FUZZ "libFuzzer binaries from tests/fuzz (clang only)" OFF)
if(CORDON_FUZZ)
        set(CORDON_SANITIZE "fuzzer-no-link,address,undefined")
endif()

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# Warnings, shared by everything, also by what must stay free of sanitizers.
add_library(cordon_warnings INTERFACE)
target_compile_options(cordon_warnings INTERFACE
        -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wundef
        -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wwrite-strings
        -Wcast-qual -Wpointer-arith -Wvla -Wdate-time -Wimplicit-fallthrough -Wswitch-enum
        -Wnull-dereference
        $<$<C_COMPILER_ID:GNU>:-Wlogical-op> $<$<C_COMPILER_ID:GNU>:-Wduplicated-cond>
        $<$<C_COMPILER_ID:GNU>:-Wduplicated-branches>
        # clang: libseccomp's comparison macros leave a field out; joined literals are meant.
        $<$<C_COMPILER_ID:Clang>:-Wno-missing-field-initializers>
        $<$<C_COMPILER_ID:Clang>:-Wno-string-concatenation>
        $<$<BOOL:${CORDON_WERROR}>:-Werror>)
target_compile_definitions(cordon_warnings INTERFACE _GNU_SOURCE)
target_include_directories(cordon_warnings INTERFACE ${CMAKE_SOURCE_DIR})
if(CORDON_HARDEN)
        target_compile_options(cordon_warnings INTERFACE
                -fstack-protector-strong -fstack-clash-protection -fcf-protection
                -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
                $<$<C_COMPILER_ID:GNU>:-ftrivial-auto-var-init=zero>)
        target_link_options(cordon_warnings INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

add_library(cordon_flags INTERFACE)
target_link_libraries(cordon_flags INTERFACE cordon_warnings)
if(CORDON_SANITIZE)
        target_compile_options(cordon_flags INTERFACE -fsanitize=${CORDON_SANITIZE}
                -fno-sanitize-recover=all -fno-omit-frame-pointer)
        target_link_options(cordon_flags INTERFACE -fsanitize=${CORDON_SANITIZE})
elseif(NOT CORDON_HARDEN)
        target_link_options(cordon_flags INTERFACE)
endif()
if(CORDON_HARDEN)
        set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -pie")
endif()
