/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops of utlist.h in words that cppcheck follows: it does not read system headers, and sees
 * uninitialized variables in what it takes for calls.
 */
#pragma once

#define DL_FOREACH(head, el)	       for (el = head; el; el = el->next)
#define DL_FOREACH_SAFE(head, el, tmp) for (el = head; el && (tmp = el->next, 1); el = tmp)
