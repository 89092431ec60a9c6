# SPDX-License-Identifier: Apache-2.0
# bpf_skeleton(target source.bpf.c header...): compiles a BPF program and makes its light skeleton,
# NAME.lskel.h, which `target` includes as a system header (it is generated and warns under ours).
# A light skeleton loads without libbpf at run time: a small program in the kernel does the work.
find_program(CLANG_BPF NAMES clang clang-14 clang-15 clang-16 clang-17 clang-18 clang-19 REQUIRED)
find_program(LLVM_STRIP NAMES llvm-strip llvm-strip-14 llvm-strip-15 llvm-strip-16 llvm-strip-17
        llvm-strip-18 llvm-strip-19 REQUIRED)
find_program(LLVM_OBJDUMP NAMES llvm-objdump llvm-objdump-14 llvm-objdump-15 llvm-objdump-16
        llvm-objdump-17 llvm-objdump-18 llvm-objdump-19 REQUIRED)
find_program(PYTHON3 NAMES python3 REQUIRED)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /usr/local/sbin REQUIRED)

function(bpf_skeleton target source)
        get_filename_component(name ${source} NAME)
        string(REPLACE ".bpf.c" "" name ${name})
        set(dir ${CMAKE_CURRENT_BINARY_DIR}/skeleton)
        set(object ${dir}/${name}_bpf.o)
        set(skeleton ${dir}/${name}.lskel.h)
        # The C library's headers of this architecture hold asm/types.h.
        set(includes -I${CMAKE_SOURCE_DIR})
        if(CMAKE_LIBRARY_ARCHITECTURE)
                list(APPEND includes -isystem /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
        endif()
        file(MAKE_DIRECTORY ${dir})
        add_custom_command(OUTPUT ${skeleton}
                COMMAND ${CLANG_BPF} -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -std=gnu17
                        -Wall -Wextra -Wno-unused-parameter $<$<BOOL:${CORDON_WERROR}>:-Werror>
                        ${includes} -c ${source} -o ${object}
                COMMAND ${LLVM_STRIP} -g ${object}
                COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/cmake/bpf_stack.py ${LLVM_OBJDUMP} ${object}
                COMMAND ${BPFTOOL} gen skeleton -L ${object} > ${skeleton}.made
                COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/cmake/bpf_loader.py ${skeleton}.made ${skeleton}
                DEPENDS ${source} ${ARGN}
                COMMENT "BPF program ${name}"
                VERBATIM)
        add_custom_target(${target}_${name}_skeleton DEPENDS ${skeleton})
        add_dependencies(${target} ${target}_${name}_skeleton)
        target_include_directories(${target} SYSTEM PRIVATE ${dir})
endfunction()
