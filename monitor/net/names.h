/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The names that a session has asked for, each with addresses of its own.
 *
 * Nothing in the session's network leads out, so an address there can mean whatever it was minted
 * for: a name gets one IPv4 and one IPv6 address, which no other name gets while the session lives.
 * Whoever connects to it has said by that which name it means. A name is in this table once it was
 * asked for, which says nothing of whether it exists or may be contacted.
 *
 * Addresses are 16 bytes in network order, IPv4 in its v4-mapped form, as in monitor/policy/cidr.h.
 *
 * Sources: RFC 1035 (sizes), RFC 1123 2.1 (host names), RFC 2544 (198.18.0.0/15, which no host on
 * the Internet has), RFC 4193 (fd00::/8).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_NAME_BYTES	253u /* of a name as text, without the final dot */
#define MAX_LABEL_BYTES 63u
#define MAX_NET_NAMES	16384u /* that one session may have asked for; at most 5 MiB */

struct names;

struct names *names_new(void);
struct names *names_free(struct names *names); /* NULL is fine */

/*
 * names_canonical - the one spelling of a host name: lower case, no final dot.
 *
 * Letters, digits, '-' and '_' only, no label empty, over 63 bytes, or with '-' at an end; whole
 * at most 253 bytes; and not a numeric address in any of its spellings: the last label has a
 * letter that is more than 0x and hexadecimal digits. Names of other scripts come as "xn--".
 * Return: true, with @ret set.
 */
bool names_canonical(const char *text, size_t len, char ret[MAX_NAME_BYTES + 1]);

/*
 * names_mint - the name's address, made if it has none.
 * @name: canonical
 * @family: AF_INET or AF_INET6
 * Errors: -ENOSPC when MAX_NET_NAMES have theirs.
 */
int names_mint(struct names *names, const char *name, int family, uint8_t ret_address[16]);

/* Return: the name that this address was minted for, which lives as long as the table; or NULL. */
const char *names_find(const struct names *names, const uint8_t address[16]);

/* True of all addresses that could be minted: they lead nowhere outside. */
bool names_is_pool(const uint8_t address[16]);

size_t names_count(const struct names *names);
