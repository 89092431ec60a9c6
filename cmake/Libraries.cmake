# SPDX-License-Identifier: Apache-2.0
# Third-party libraries, as imported targets (their headers count as system headers).
find_package(PkgConfig REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv>=1.44)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson>=1.7.15)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp>=2.5.4)
pkg_check_modules(BPF REQUIRED IMPORTED_TARGET libbpf>=1.1)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib>=1.2.11)
pkg_check_modules(CARES REQUIRED IMPORTED_TARGET libcares>=1.18)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl>=3.0)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2>=1.52)

# Finding, mapping and relocating shared libraries is felt in each short run: where the archives are
# installed too, they are linked in. Sanitizers want the others.
option(CORDON_STATIC_LIBRARIES "Link libuv, libsodium, c-ares and zlib statically where they can be had so" ON)
if(CORDON_STATIC_LIBRARIES AND NOT CORDON_SANITIZE)
        find_library(UV_ARCHIVE libuv_a.a)
        find_library(SODIUM_ARCHIVE libsodium.a)
        find_library(CARES_ARCHIVE libcares.a)
        find_library(ZLIB_ARCHIVE libz.a)
        foreach(library UV SODIUM CARES ZLIB)
                if(${library}_ARCHIVE)
                        set_target_properties(PkgConfig::${library} PROPERTIES
                                INTERFACE_LINK_LIBRARIES "${${library}_ARCHIVE};pthread;dl")
                endif()
        endforeach()
endif()
