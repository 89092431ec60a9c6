/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The front: the `cordon` that is called, where its C library can be had (cmake/LaunchLibc.cmake).
 * It does what most calls are, a run that the resident supervisor watches, with the very sources of
 * the whole program (cordon-main), and becomes that program for everything else: as soon as it is
 * seen, before anything is begun, else once all that was begun is taken back.
 */

/* The same call, by the whole program: arguments, environment, process. */
_Noreturn void front_become_whole(void);
