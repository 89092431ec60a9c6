# SPDX-License-Identifier: Apache-2.0
# cordon_unit_test(NAME source... LIBS lib...): one cmocka executable, label "unit"; exit 77 is a skip. A limit
# of time is there to end what hangs: several times what a loaded machine takes.
function(cordon_unit_test name)
        cmake_parse_arguments(T "" "LABEL" "LIBS" ${ARGN})
        set(limit 600)
        if(NOT T_LABEL)
                set(T_LABEL unit)
                set(limit 120)
        endif()
        add_executable(test_${name} ${T_UNPARSED_ARGUMENTS})
        target_link_libraries(test_${name} PRIVATE cordon_flags ${T_LIBS} cmocka)
        set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
        add_test(NAME ${T_LABEL}.${name} COMMAND test_${name})
        set_tests_properties(${T_LABEL}.${name} PROPERTIES LABELS ${T_LABEL} TIMEOUT ${limit} SKIP_RETURN_CODE 77)
endfunction()

# cordon_script_test(LABEL NAME script args...): a script run from the source folder with
# CORDON (the binary), BUILD and SOURCE in its environment, and no resident supervisor by itself; exit 77 is a skip with its reason printed.
function(cordon_script_test label name)
        add_test(NAME ${label}.${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
        set_tests_properties(${label}.${name} PROPERTIES LABELS ${label} TIMEOUT 600 SKIP_RETURN_CODE 77
                ENVIRONMENT "CORDON=${CMAKE_BINARY_DIR}/cordon;BUILD=${CMAKE_BINARY_DIR};SOURCE=${CMAKE_SOURCE_DIR};CORDON_RESIDENT=off")
endfunction()
