/* SPDX-License-Identifier: Apache-2.0 */

/* Prints the addresses of a name, as the C library that it was built with resolves it. */

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char text[INET6_ADDRSTRLEN];
	const int r = argc == 2 ? getaddrinfo(argv[1], NULL, &hints, &found) : EAI_FAIL;

	if (r) {
		(void)fprintf(stderr, "%s\n", gai_strerror(r));
		return 1;
	}
	for (const struct addrinfo *one = found; one; one = one->ai_next) {
		const void *at =
			one->ai_family == AF_INET
				? (const void *)&((const struct sockaddr_in *)one->ai_addr)
					  ->sin_addr
				: (const void *)&((const struct sockaddr_in6 *)one->ai_addr)
					  ->sin6_addr;

		(void)puts(inet_ntop(one->ai_family, at, text, sizeof(text)));
	}
	freeaddrinfo(found);
	return 0;
}
