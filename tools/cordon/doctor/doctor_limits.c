/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/cordon/doctor/doctor.h"

/*
 * Limits: a leaf is made below the cgroup that this process is in, per controller that a session
 * uses, and removed again. What cannot be had that way is left to rlimits.
 */

struct controller {
	const char *name;
	const char *v2_file; /* is there in a leaf if the controller is delegated */
	bool v1, v2;
};

/* Where the hierarchy that has @want (a v1 controller, or "cgroup2") is mounted, from our
 * mountinfo. Return: false if nowhere. */
static bool find_mount(const char *want, char mount_point[PATH_MAX])
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	bool found = false;
	char *line = NULL;
	size_t size = 0;

	while (file && !found && getline(&line, &size, file) > 0) {
		char type[32] = "";
		char options[256] = "";
		char point[PATH_MAX];
		const char *tail = strstr(line, " - ");

		if (!tail || sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1 ||
		    sscanf(tail, " - %31s %*s %255s", type, options) != 2)
			continue;
		found = strcmp(want, "cgroup2") == 0 ? strcmp(type, "cgroup2") == 0 : false;
		if (!found && strcmp(type, "cgroup") == 0) {
			char *save = NULL;

			for (const char *word = strtok_r(options, ",", &save); word && !found;
			     word = strtok_r(NULL, ",", &save))
				found = strcmp(word, want) == 0;
		}
		if (found)
			(void)snprintf(mount_point, PATH_MAX, "%s", point);
	}
	free(line);
	if (file)
		(void)fclose(file);
	return found;
}

/* Our own cgroup in the hierarchy of a v1 controller, or of v2 with "". */
static bool find_own(const char *controller, char own[PATH_MAX])
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	bool found = false;
	char *line = NULL;
	size_t size = 0;

	while (file && !found && getline(&line, &size, file) > 0) {
		char *names = strchr(line, ':');
		char *path = names ? strchr(names + 1, ':') : NULL;
		char *save = NULL;

		if (!path)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		names++;
		found = controller[0] == '\0' && names[0] == '\0';
		for (const char *word = strtok_r(names, ",", &save); word && !found;
		     word = strtok_r(NULL, ",", &save))
			found = strcmp(word, controller) == 0;
		if (found)
			(void)snprintf(own, PATH_MAX, "%s", path);
	}
	free(line);
	if (file)
		(void)fclose(file);
	return found;
}

/* Makes a leaf and removes it. Return: true if it could be made and, with @file, has that file. */
static bool try_leaf(const char *mount_point, const char *own, const char *file)
{
	_cleanup_free_ char *leaf =
		xasprintf("%s%s/cordon-doctor-%d", mount_point, own, (int)getpid());
	_cleanup_free_ char *inside = xasprintf("%s/%s", leaf, file ? file : "cgroup.procs");
	bool good;

	if (mkdir(leaf, 0700) < 0)
		return false;
	good = access(inside, W_OK) == 0;
	(void)rmdir(leaf);
	return good;
}

static void try_controllers(struct controller *controllers, size_t count)
{
	char mount_point[PATH_MAX];
	char own[PATH_MAX];

	for (size_t i = 0; i < count; i++) {
		struct controller *c = &controllers[i];

		if (find_mount("cgroup2", mount_point) && find_own("", own))
			c->v2 = try_leaf(mount_point, own, c->v2_file);
		if (!c->v2 && find_mount(c->name, mount_point) && find_own(c->name, own))
			c->v1 = try_leaf(mount_point, own, NULL);
	}
}

void probe_cgroups(struct probe_result *ret)
{
	struct controller controllers[] = {
		{.name = "memory", .v2_file = "memory.max"},
		{.name = "pids", .v2_file = "pids.max"},
		{.name = "cpu", .v2_file = "cpu.max"},
	};
	const size_t count = sizeof(controllers) / sizeof(controllers[0]);
	char have[96] = "";
	char lack[96] = "";
	size_t missing = 0;

	try_controllers(controllers, count);
	for (size_t i = 0; i < count; i++) {
		const struct controller *c = &controllers[i];
		char *text = c->v1 || c->v2 ? have : lack;
		const size_t used = strlen(text);

		missing += text == lack;
		(void)snprintf(text + used, sizeof(have) - used, "%s%s%s", used ? ", " : "",
			       c->name,
			       c->v2   ? " (v2)"
			       : c->v1 ? " (v1)"
				       : "");
	}
	if (missing == 0) {
		probe_set(ret, PROBE_HOLDS, "cgroup leaves made for %s", have);
		return;
	}
	probe_set(ret, PROBE_WEAKER,
		  "no cgroup leaf for %s%s%s: rlimits and the wall clock bound "
		  "it, per process instead of per session",
		  lack, have[0] ? "; made for " : "", have);
	probe_remedy(ret, "run as root, or in a delegated cgroup: systemd-run --user --scope -p "
			  "Delegate=yes cordon ...");
}
