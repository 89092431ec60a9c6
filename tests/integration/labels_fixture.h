/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the tests of labels of processes share. Children of the trace name files by the folder that
 * they stand in, that of the fixture (trace_fixture.h).
 */

#include <sys/types.h>

#include "tests/integration/trace_fixture.h"

/* A labelled file. What the trace keeps of it is no way to write it, for children inherit that. */
void make_labelled(const char *name, uint64_t labels);
/* In a child: an event by which labels_at() learns what the process has now. Return: 0, 1. */
int mark(const char *name);
/* Return: 0 if the child ended with that. */
int wait_for(pid_t pid);
/* Of the process that opened the file. */
uint64_t labels_at(const char *name);
/* Is that what it is to have? Where the kernel skipped a program it may have more. */
bool are_labels(uint64_t has, uint64_t labels);
