/* SPDX-License-Identifier: Apache-2.0 */

/* Runs a fuzz target over the files of the folders named as arguments, without a fuzzer. */

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fuzz.h"

/* The input stands in memory of its exact size: a sanitizer sees the first byte too far. */
static int replay_file(const char *path)
{
	FILE *file = fopen(path, "re");
	uint8_t *data;
	size_t size;
	long end = -1;

	if (file && fseek(file, 0, SEEK_END) == 0)
		end = ftell(file);
	if (end < 0 || fseek(file, 0, SEEK_SET) != 0) {
		perror(path);
		if (file)
			(void)fclose(file);
		return -1;
	}
	data = malloc(end ? (size_t)end : 1);
	size = data ? fread(data, 1, (size_t)end, file) : 0;
	(void)fclose(file);
	(void)fprintf(stderr, "%s\n", path);
	if (data)
		(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
	return data && size == (size_t)end ? 0 : -1;
}

int main(int argc, char **argv)
{
	unsigned count = 0;
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		struct dirent **names = NULL;
		const int n = scandir(argv[i], &names, NULL, alphasort);

		if (n < 0) {
			perror(argv[i]);
			return 1;
		}
		for (int k = 0; k < n; k++) {
			char path[4096];

			(void)snprintf(path, sizeof(path), "%s/%s", argv[i], names[k]->d_name);
			if (names[k]->d_name[0] != '.') {
				failed |= replay_file(path);
				count++;
			}
			free(names[k]);
		}
		free((void *)names);
	}
	(void)printf("%u inputs replayed\n", count);
	return failed || !count; /* an empty corpus tests nothing */
}
