/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A closed stdin, stdout or stderr would let another file take its number: opens what is missing.
 */
void hold_standard_fds(void);
