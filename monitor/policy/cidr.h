/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Numeric addresses and networks. A v4 address and its v4-mapped v6 form are the same address, so
 * ::/0 holds every address and 0.0.0.0/0 every v4 one.
 */

#include <stdbool.h>
#include <stdint.h>

#include "monitor/action.h"

/* A network; v4 is kept in the last four bytes of its v6-mapped form, so one comparison does. */
struct cidr {
	uint8_t address[16];
	uint8_t bits; /* 0..128, of the mapped form */
};

/* Return: NULL or the reason. */
const char *cidr_parse(struct str text, struct cidr *ret);
/* The same of "192.0.2.1/24", too, whose bits behind the prefix stay set. */
const char *cidr_read(struct str text, struct cidr *ret);
/* False if the text is no numeric address. A zone ("%eth0") is left out. */
bool address_parse(struct str text, uint8_t ret[16]);
bool cidr_has(const struct cidr *net, const uint8_t address[16]);
