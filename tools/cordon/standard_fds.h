/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A closed stdin, stdout or stderr would let another file take its number: opens what is missing.
 * @access_mode: O_RDWR, or O_RDONLY where what is said to nobody has to be an error.
 */
void hold_standard_fds(int access_mode);
