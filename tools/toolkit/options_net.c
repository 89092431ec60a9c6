/* SPDX-License-Identifier: Apache-2.0 */

/* The options about the network, and the policy that --allow-host stands for. */

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json.h"
#include "common/json_write.h"
#include "monitor/net/canary.h"
#include "monitor/net/publish.h"
#include "monitor/policy/cidr.h"
#include "tools/toolkit/option_value.h"
#include "tools/toolkit/options.h"
#include "tools/toolkit/options_net.h"

enum option_key {
	KEY_NET = 0x1100,
	KEY_ALLOW_HOST,
	KEY_ALLOW_PRIVATE,
	KEY_RESOLVER,
	KEY_CANARY,
	KEY_DECOYS,
	KEY_PUBLISH,
};

static const struct argp_option option_list[] = {
	{0, 0, 0, 0, "What it may reach:", 2},
	{"net", KEY_NET, "none|relay|decoy", 0,
	 "none has its own loopback alone; relay connects to what policy allows, by name; decoy "
	 "lets made-up servers answer whatever is connected to, and nothing leave (default: none, "
	 "or relay if a host is allowed)",
	 0},
	{"allow-host", KEY_ALLOW_HOST, "NAME[:PORT]", 0,
	 "Trust this host, or with *.NAME those below it; may be repeated", 0},
	{"allow-private", KEY_ALLOW_PRIVATE, "CIDR", 0,
	 "Names may lead to these private addresses, which are else refused; may be repeated", 0},
	{"resolver", KEY_RESOLVER, "ADDRESS[:PORT]", 0,
	 "Name server to ask for allowed names (default: the host's)", 0},
	{"canary", KEY_CANARY, "NAME=TEXT|@FILE", 0,
	 "Look for this text in what is sent over relayed connections; rules see its name in "
	 "action.canaries; may be repeated",
	 0},
	{"decoys", KEY_DECOYS, "FILE", 0, "What decoys answer, as JSON: see cordon-decoy(7)", 0},
	{"publish", KEY_PUBLISH, "[ADDRESS:]HOSTPORT:PORT", 0,
	 "Who connects to HOSTPORT of this host (at 127.0.0.1, or ADDRESS) reaches PORT of the "
	 "session; may be repeated",
	 0},
	{0},
};

/* ---- words ---- */

/* Cuts a port off the end of NAME:PORT or [ADDRESS]:PORT. False for a port that is none. */
static bool cut_port(char *text, unsigned *ret_port)
{
	char *bracket = text[0] == '[' ? strchr(text, ']') : NULL;
	char *colon = strrchr(bracket ? bracket : text, ':');
	char *end;
	unsigned long port;

	*ret_port = 0;
	if (text[0] == '[' && (!bracket || (bracket[1] && bracket[1] != ':')))
		return false;
	/* An IPv6 address without brackets has no port. */
	if (!bracket && colon && strchr(text, ':') != colon)
		colon = NULL;
	if (colon) {
		port = strtoul(colon + 1, &end, 10);
		if (!isdigit((unsigned char)colon[1]) || *end || !port || port > 65535)
			return false;
		*ret_port = (unsigned)port;
		*colon = '\0';
	}
	if (bracket) {
		*bracket = '\0';
		memmove(text, text + 1, strlen(text));
	}
	return true;
}

static bool is_address(const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/* RFC 1123, and "_", which names of services have. */
static bool is_host_name(const char *name)
{
	size_t label = 0;

	if (!name[0] || strlen(name) > 253)
		return false;
	for (const char *c = name; *c; c++) {
		if (*c == '.' && !label)
			return false;
		label = *c == '.' ? 0 : label + 1;
		if (label > 63 || (!isalnum((unsigned char)*c) && !strchr("-._", *c)))
			return false;
	}
	return label != 0;
}

/* ---- options ---- */

static void add_host(struct argp_state *state, struct net_options *net, const char *text)
{
	struct allowed_host host = {.name = xstrdup(text)};
	const char *name;

	for (char *c = host.name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (!cut_port(host.name, &host.port))
		argp_error(state, "--allow-host %s: must be NAME, NAME:PORT or [ADDRESS]:PORT",
			   text);
	name = strncmp(host.name, "*.", 2) == 0 ? host.name + 2 : host.name;
	if (!is_host_name(name) && !is_address(host.name))
		argp_error(state, "--allow-host %s: \"%s\" is no name of a host, and no address",
			   text, host.name);
	net->hosts = xrealloc_array(net->hosts, net->host_count + 1, sizeof(*net->hosts));
	net->hosts[net->host_count++] = host;
}

static void add_private(struct argp_state *state, struct net_options *net, const char *text)
{
	struct cidr cidr;
	const char *wrong = cidr_parse(str_of(text), &cidr);

	if (wrong)
		argp_error(state, "--allow-private %s: %s", text, wrong);
	option_add_word(&net->allow_private, &net->private_count, text);
}

static void add_publish(struct argp_state *state, struct net_options *net, const char *text)
{
	struct publish_port port;
	const char *wrong = publish_parse(text, &port);

	if (wrong)
		argp_error(state, "--publish %s: %s", text, wrong);
	option_add_word(&net->publish, &net->publish_count, text);
}

/* Return: the text of "NAME=@FILE" in place of the file, the caller's. */
static char *read_canary(struct argp_state *state, const char *name, size_t name_len,
			 const char *path)
{
	char text[SCAN_MAX_TEXT + 2]; /* one more, so that too long a text is seen, and a newline */
	struct buf given = BUF_INIT(0);
	FILE *file = fopen(path, "re");
	size_t len = 0;

	if (file)
		len = fread(text, 1, sizeof(text), file);
	if (!file || ferror(file))
		argp_error(state, "--canary %.*s=@%s: read the file: %s", (int)name_len, name, path,
			   strerror(errno));
	if (file)
		(void)fclose(file);
	if (len && text[len - 1] == '\n')
		len--;
	if (memchr(text, '\0', len))
		argp_error(state, "--canary %.*s=@%s: a text with a NUL byte cannot be looked for",
			   (int)name_len, name, path);
	buf_printf(&given, "%.*s=%.*s", (int)name_len, name, (int)len, text);
	return take_ptr(given.data);
}

/* A text that nobody is to see is not repeated in messages. */
static void add_canary(struct argp_state *state, struct net_options *net, const char *text)
{
	const size_t name_len = strcspn(text, "=");
	char *given = strncmp(text + name_len, "=@", 2) == 0
			      ? read_canary(state, text, name_len, text + name_len + 2)
			      : xstrdup(text);
	struct str name;
	struct str value;
	const char *wrong = canary_parse(given, &name, &value);

	if (wrong)
		argp_error(state, "--canary %.*s: %s", (int)name_len, text, wrong);
	for (size_t i = 0; i < net->canary_count; i++) {
		if (strncmp(net->canaries[i], given, name_len + 1) == 0)
			argp_error(state, "--canary %.*s: there is a canary of that name already",
				   (int)name_len, text);
	}
	if (net->canary_count == MAX_CANARIES)
		argp_error(state, "--canary %.*s: at most %u canaries", (int)name_len, text,
			   MAX_CANARIES);
	net->canaries = xrealloc_array(net->canaries, net->canary_count + 2, sizeof(char *));
	net->canaries[net->canary_count++] = given;
	net->canaries[net->canary_count] = NULL;
}

static void set_resolver(struct argp_state *state, struct net_options *net, const char *text)
{
	_cleanup_free_ char *address = xstrdup(text);
	unsigned port;

	if (!cut_port(address, &port) || !is_address(address))
		argp_error(state,
			   "--resolver %s: must be ADDRESS or ADDRESS:PORT, in brackets for IPv6",
			   text);
	net->resolver = text;
}

static void set_mode(struct argp_state *state, struct net_options *net, const char *text)
{
	unsigned mode = 0;

	while (net_mode_name(mode) && strcmp(net_mode_name(mode), text) != 0)
		mode++;
	if (!net_mode_name(mode))
		argp_error(state, "--net %s: must be none, relay or decoy", text);
	net->mode = (enum net_mode)mode;
	net->is_named = true;
}

static void set_decoys(struct argp_state *state, struct net_options *net, const char *path)
{
	_cleanup_(json_freep) struct json *doc = NULL;
	struct error err;

	if (net->script)
		argp_error(state, "--decoys %s: there is such a file already", path);
	if (json_parse_file(path, &doc, &err) < 0)
		argp_error(state, "--decoys: %s", err.text);
	if (script_decode(doc, "$", &net->own_script, &err) < 0)
		argp_error(state, "--decoys %s: %s", path, err.text);
	net->script = &net->own_script;
}

static void finish(struct argp_state *state, struct net_options *net)
{
	if (net->host_count && net->is_named && net->mode == NET_NONE)
		argp_error(state, "--allow-host %s: --net=none leads to no host; leave one out",
			   net->hosts[0].name);
	if (net->host_count && net->mode == NET_NONE)
		net->mode = NET_RELAY;
	if (net->script && net->mode == NET_NONE)
		argp_error(state, "--decoys: with --net=none nothing answers; use --net=decoy");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct net_options *net = state->input;

	switch (key) {
	case KEY_NET:
		set_mode(state, net, arg);
		return 0;
	case KEY_ALLOW_HOST:
		add_host(state, net, arg);
		return 0;
	case KEY_ALLOW_PRIVATE:
		add_private(state, net, arg);
		return 0;
	case KEY_PUBLISH:
		add_publish(state, net, arg);
		return 0;
	case KEY_RESOLVER:
		set_resolver(state, net, arg);
		return 0;
	case KEY_CANARY:
		add_canary(state, net, arg);
		return 0;
	case KEY_DECOYS:
		set_decoys(state, net, arg);
		return 0;
	case ARGP_KEY_SUCCESS:
		finish(state, net);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp net_argp = {.options = option_list, .parser = parse_option};

void net_options_done(struct net_options *net)
{
	for (size_t i = 0; i < net->host_count; i++)
		free(net->hosts[i].name);
	free(net->hosts);
	free(net->allow_private);
	for (size_t i = 0; i < net->canary_count; i++)
		free(net->canaries[i]);
	free(net->canaries);
	script_done(&net->own_script);
	free(net->publish);
	*net = (struct net_options){0};
}

/* ---- the policy ---- */

static bool has_all_ports(const struct net_options *net, const char *name)
{
	for (size_t i = 0; i < net->host_count; i++)
		if (!net->hosts[i].port && strcmp(net->hosts[i].name, name) == 0)
			return true;
	return false;
}

/* True of a connection to another port of a host than those that were named. */
static void put_other_ports(const struct net_options *net, struct buf *out)
{
	for (size_t i = 0; i < net->host_count; i++) {
		const char *name = net->hosts[i].name;

		if (has_all_ports(net, name))
			continue;
		buf_printf(out, "%shostMatches(action.host, ['%s']) && !(action.port in [",
			   out->len ? " || " : "", name);
		for (size_t k = 0, n = 0; k < net->host_count; k++)
			if (strcmp(net->hosts[k].name, name) == 0)
				buf_printf(out, "%s%u", n++ ? ", " : "", net->hosts[k].port);
		buf_printf(out, "])");
	}
}

static void put_rule(struct json_writer *w, const char *id, const char *when, const char *verdict,
		     const char *because)
{
	json_begin_object(w, NULL);
	json_put_string(w, "id", id);
	json_put_string(w, "category", "exfiltration");
	json_put_string(w, "severity", "low");
	json_begin_array(w, "on");
	json_put_string(w, NULL, "net.connect");
	json_put_string(w, NULL, "net.send");
	json_end_array(w);
	json_put_string(w, "when", when);
	json_put_string(w, "verdict", verdict);
	json_put_string(w, "because", because);
	json_begin_array(w, "match");
	json_end_array(w);
	json_begin_array(w, "not_match");
	json_end_array(w);
	json_end_object(w);
}

char *net_policy(const struct net_options *net)
{
	struct buf text = BUF_INIT(0);
	_cleanup_buf_ struct buf other_ports = BUF_INIT(0);
	struct json_writer w = {.out = &text};

	if (!net->host_count)
		return NULL;
	put_other_ports(net, &other_ports);
	json_begin_object(&w, NULL);
	json_put_string(&w, "policy", "options");
	json_put_u64(&w, "version", 1);
	json_begin_object(&w, "lists");
	json_begin_array(&w, "trusted_hosts");
	for (size_t i = 0; i < net->host_count; i++)
		json_put_string(&w, NULL, net->hosts[i].name);
	json_end_array(&w);
	json_end_object(&w);
	json_begin_array(&w, "rules");
	put_rule(&w, "option.allow-host", "hostMatches(action.host, lists.trusted_hosts)", "allow",
		 "The host was named with --allow-host.");
	if (other_ports.len)
		put_rule(&w, "option.allow-host-port", other_ports.data, "deny",
			 "Of this host only the ports that were named with --allow-host may be "
			 "reached.");
	json_end_array(&w);
	json_end_object(&w);
	return take_ptr(text.data);
}
