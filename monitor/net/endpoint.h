/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An address with a port, in the one form that all of monitor/net shares: 16 bytes in network
 * order, IPv4 in its v4-mapped form (as in monitor/policy/cidr.h), so that one address has one
 * spelling and comparing bytes compares addresses.
 */

#include <stdbool.h>
#include <stdint.h>

#include <netinet/in.h>
#include <sys/socket.h>

#define ENDPOINT_TEXT INET6_ADDRSTRLEN

struct endpoint {
	uint8_t address[16];
	uint16_t port; /* host order */
};

union socket_address {
	struct sockaddr generic;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage storage;
};

bool endpoint_is_v4(const struct endpoint *endpoint);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
/* 127.0.0.0/8, ::1, and the unspecified address, which as a destination means them. */
bool endpoint_is_loopback(const struct endpoint *endpoint);

/* A v4 address becomes AF_INET. Return: its length. */
socklen_t endpoint_to_socket(const struct endpoint *endpoint, union socket_address *ret);
/* False if the family is neither AF_INET nor AF_INET6. */
bool endpoint_from_socket(const union socket_address *address, struct endpoint *ret);

/* The address alone, numeric, in the spelling of inet_ntop(3); v4 with dots. */
void endpoint_text(const struct endpoint *endpoint, char ret[ENDPOINT_TEXT]);
/* Of a numeric address; false if the text is none. The port is left alone. */
bool endpoint_parse(const char *text, struct endpoint *ret);

/* Of a socket: its own name, and its peer's. Errors: those of the system call; -EAFNOSUPPORT. */
int endpoint_of_socket(int socket_fd, struct endpoint *ret);
int endpoint_of_peer(int socket_fd, struct endpoint *ret);
