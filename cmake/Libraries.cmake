# SPDX-License-Identifier: Apache-2.0
# Third-party libraries, as imported targets (their headers count as system headers).
find_package(PkgConfig REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv>=1.44)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson>=1.7.15)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp>=2.5.4)
pkg_check_modules(BPF REQUIRED IMPORTED_TARGET libbpf>=1.1)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
