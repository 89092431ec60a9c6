/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The path of a request as rules are shown it. Servers take several writings for one path, and not
 * all of them the same ones: an octet may stand as itself or encoded, slashes may be doubled. Here
 * each path has one writing, in which a segment of a single dot is left out. What leads up again
 * ("/a/../b") has none, and is refused: with it, a path that begins as one that is allowed ends at
 * another. Pure.
 */

#include <stddef.h>

/*
 * http_path_read - @len bytes of a target, the query behind "?" with it.
 * @ret: has room for MAX_HTTP_PATH (http_head.h) and a NUL; what is longer is looked at, and cut.
 * Encoded octets are decoded if they are printable ASCII and not "%", "?" or "#", others are
 * encoded with digits in upper case; of slashes that follow each other one is left. The query is as
 * it was sent. Return: NULL, or why it is not to be sent, static.
 */
const char *http_path_read(const char *at, size_t len, char *ret);
