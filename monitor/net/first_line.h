/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What servers may make of the first line of a text, the lenient ones too: those that take other
 * white space than a space between the words of a request, or leave some out before them, or know
 * HTTP/0.9, whose requests have no version. Pure.
 */

#include <stdbool.h>
#include <stddef.h>

enum line_kind {
	LINE_OTHER,   /* no server takes it for a request: "EHLO me" */
	LINE_WORDS,   /* of a request without a version, but for no path: "GET key" */
	LINE_REQUEST, /* some server may take it, or a line behind it, for one: "GET /x" */
};

/* @line: as far as it was read, with its line end if that came. */
enum line_kind first_line_kind(const char *line, size_t len);
/* "HTTP/" stands somewhere in it. */
bool first_line_has_version(const char *line, size_t len);
/* White space to some server, within a line. */
bool first_line_is_space(unsigned char c);
