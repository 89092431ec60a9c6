/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A socket address as bytes -> what rules read of it. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>

#include "monitor/action.h"

#define MAX_ADDRESS_BYTES 128u /* struct sockaddr_storage: the kernel takes no more */

struct address {
	const char *family; /* static: "inet", "inet6", "unix", "netlink", "other" */
	char text[INET6_ADDRSTRLEN];
	int64_t port;
	bool loopback; /* cannot leave the machine */
	bool is_path;  /* path is a name in the file system, to be resolved */
	size_t path_len;
	char path[MAX_ADDRESS_BYTES]; /* unix: terminated; "@name" if abstract, which may hold NULs
				       */
};

#define ADDRESS_NONE 1 /* nothing that leads anywhere: a connect() that dissolves a connection */

/*
 * address_decode - @kind decides what the kernel makes of an unspecified family or address.
 * Return: 0, ADDRESS_NONE, -EINVAL for what the kernel refuses as too short or too long.
 */
int address_decode(const uint8_t *bytes, size_t len, enum action_kind kind, struct address *ret);
