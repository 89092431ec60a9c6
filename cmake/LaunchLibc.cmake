# SPDX-License-Identifier: Apache-2.0
# launch_libc: the C library of cordon-launch, and of cordon's front (tools/front), linked statically.
#
# The launcher starts anew with each session, and its C library with it. glibc asks the processor about its
# caches dozens of times before main(); on a virtual machine each answer comes from the hypervisor, and all
# of them took 0.5 ms where this was measured. musl asks nothing, and a smaller image makes each process that
# is cloned from it cheaper. Debian's musl-tools has it for gcc; without it, and for clang, the launcher has
# glibc, and there is no front.
option(CORDON_MUSL "Build launcher and front with musl where gcc has it (musl-tools)" ON)
set(CORDON_FRONT OFF)

add_library(launch_libc INTERFACE)
target_link_options(launch_libc INTERFACE -static)

find_file(MUSL_SPECS musl-gcc.specs NO_DEFAULT_PATH
        PATHS /usr/lib/${CMAKE_SYSTEM_PROCESSOR}-linux-musl /usr/lib/musl/lib /usr/local/musl/lib)
if(CORDON_MUSL AND MUSL_SPECS AND CMAKE_C_COMPILER_ID STREQUAL GNU)
        # The kernel's headers alone: beside them lie those of glibc.
        set(headers ${CMAKE_BINARY_DIR}/linux-headers)
        find_path(ASM_HEADERS asm/unistd.h PATHS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} /usr/include)
        file(MAKE_DIRECTORY ${headers})
        file(CREATE_LINK ${ASM_HEADERS}/asm ${headers}/asm SYMBOLIC)
        foreach(folder linux asm-generic)
                file(CREATE_LINK /usr/include/${folder} ${headers}/${folder} SYMBOLIC)
        endforeach()
        # Its macros (CMSG_NXTHDR) convert; builds with glibc look at ours.
        target_compile_options(launch_libc INTERFACE -specs=${MUSL_SPECS}
                -Wno-conversion -Wno-sign-conversion)
        target_include_directories(launch_libc SYSTEM INTERFACE ${headers})
        target_link_options(launch_libc INTERFACE -specs=${MUSL_SPECS} -no-pie)
        if(NOT CORDON_SANITIZE) # which it could not be built with, and would keep from the runs
                set(CORDON_FRONT ON)
        endif()
        message(STATUS "cordon-launch: with musl")
else()
        message(STATUS "cordon-launch: with the C library of the host")
endif()
