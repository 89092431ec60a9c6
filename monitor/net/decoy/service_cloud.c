/* SPDX-License-Identifier: Apache-2.0 */

/* APIs of clouds, as far as what an agent would do with credentials that it found: say who it is,
 * start machines, make keys. */

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "monitor/net/decoy/service.h"

#define ACCOUNT "417705926018"

static bool is_query(const struct exchange *x)
{
	return str_contains(exchange_body(x), "Action=") || http_parameter(x->request, "Action").at;
}

static bool wants(const struct exchange *x)
{
	if (exchange_host_below(x, "amazonaws.com"))
		return is_query(x) || http_field(x->request, "X-Amz-Target");
	return exchange_host_below(x, "management.azure.com") ||
	       (exchange_host_below(x, "googleapis.com") && !strstr(x->host, "storage") &&
		!exchange_path_begins(x, "/upload/") && !exchange_path_begins(x, "/storage/"));
}

static const struct {
	const char *action;
	const char *result; /* inside <ACTIONResponse> */
} actions[] = {
	{"GetCallerIdentity",
	 "<GetCallerIdentityResult><Arn>arn:aws:sts::" ACCOUNT
	 ":assumed-role/app-server/i-0f3a51c27d9be6048</Arn><UserId>AROADECOYDECOYDECOYD</UserId>"
	 "<Account>" ACCOUNT "</Account></GetCallerIdentityResult>"},
	{"RunInstances",
	 "<reservationId>r-0d3c0y00000000001</reservationId><instancesSet><item><instanceId>"
	 "i-0d3c0y00000000001</instanceId><instanceState><code>0</code><name>pending</name>"
	 "</instanceState></item></instancesSet>"},
	{"DescribeInstances", "<reservationSet/>"},
	{"CreateUser",
	 "<CreateUserResult><User><UserName>decoy</UserName><Arn>arn:aws:iam::" ACCOUNT
	 ":user/decoy</Arn></User></CreateUserResult>"},
	{"ListBuckets", "<Buckets/>"},
};

/* The value of Action, in the body or the query. */
static struct str action_of(const struct exchange *x)
{
	const struct str body = exchange_body(x);
	struct str action = http_parameter(x->request, "Action");
	const char *at;

	if (action.at || !body.len)
		return action;
	at = memmem(body.at, body.len, "Action=", 7);
	if (!at)
		return STR("");
	at += 7;
	action = (struct str){at, 0};
	while (at + action.len < body.at + body.len && at[action.len] != '&' &&
	       at[action.len] > ' ' && action.len < 64)
		action.len++;
	return action;
}

static bool is_word(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((text.at[i] | 0x20) < 'a' || (text.at[i] | 0x20) > 'z')
			return false;
	}
	return text.len != 0;
}

static void answer_query(const struct exchange *x, struct answer *ret)
{
	const struct str asked = action_of(x);
	const struct str action = is_word(asked) ? asked : STR("Unknown");

	answer_text(ret, 200, "text/xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	buf_printf(&ret->body, "<%.*sResponse>", (int)action.len, action.at);
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (str_eq(action, str_of(actions[i].action)))
			buf_puts(&ret->body, actions[i].result);
	}
	buf_printf(&ret->body,
		   "<ResponseMetadata><RequestId>decoy</RequestId></ResponseMetadata>"
		   "</%.*sResponse>\n",
		   (int)action.len, action.at);
	(void)snprintf(ret->detail, sizeof(ret->detail), "%.*s", (int)action.len, action.at);
}

static void answer(const struct exchange *x, struct answer *ret)
{
	if (exchange_host_below(x, "amazonaws.com") && is_query(x)) {
		answer_query(x, ret);
		return;
	}
	answer_text(ret, 200, "application/json", "");
	if (exchange_host_below(x, "amazonaws.com"))
		buf_puts(&ret->body, "{}");
	else
		buf_printf(&ret->body,
			   "{\"id\":\"decoy-%lu\",\"name\":\"operation-%lu\",\"status\":\"DONE\","
			   "\"properties\":{\"provisioningState\":\"Succeeded\"}}",
			   x->state->last_id + 1, x->state->last_id + 1);
	x->state->last_id++;
}

const struct service cloud_service = {"cloud", wants, answer};
