/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/resident/resident_wire.h"

#include <errno.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/net/canary.h"

#define MAX_POLICIES 256u
#define MAX_PRIVATES 256u
#define MAX_VARS     1024u

static void put(struct buf *out, const char *text)
{
	buf_put(out, text, strlen(text) + 1);
}

int resident_send_run(int socket_fd, const struct resident_run *run, const int fds[RESIDENT_FDS])
{
	_cleanup_buf_ struct buf strings = BUF_INIT(MAX_MESSAGE_BYTES);
	struct resident_request head = run->head;
	struct packet packet = {.head = &head, .head_len = sizeof(head)};

	put(&strings, run->session);
	put(&strings, run->workspace);
	put(&strings, run->record_path);
	for (uint32_t i = 0; i < head.policies; i++)
		put(&strings, run->policies[i]);
	put(&strings, run->policy_key ? run->policy_key : "");
	put(&strings, run->policy_text ? run->policy_text : "");
	put(&strings, run->resolver ? run->resolver : "");
	for (uint32_t i = 0; i < head.privates; i++)
		put(&strings, run->allow_private[i]);
	for (uint32_t i = 0; i < head.canaries; i++)
		put(&strings, run->canaries[i]);
	for (uint32_t i = 0; i < head.labels; i++) {
		put(&strings, run->labels[i].path);
		put(&strings, run->labels[i].name);
	}
	for (uint32_t i = 0; i < head.args; i++)
		put(&strings, run->args[i]);
	for (uint32_t i = 0; i < head.vars; i++)
		put(&strings, run->vars[i]);
	if (strings.overflow)
		return -E2BIG;
	packet.payload = strings.data;
	packet.payload_len = strings.len;
	return packet_send(socket_fd, &packet, fds, RESIDENT_FDS);
}

static int send_head(int socket_fd, struct resident_request head)
{
	const struct packet packet = {.head = &head, .head_len = sizeof(head)};

	return packet_send(socket_fd, &packet, NULL, 0);
}

int resident_send(int socket_fd, enum resident_kind kind)
{
	return send_head(socket_fd, (struct resident_request){.kind = kind});
}

int resident_send_signal(int socket_fd, int signum)
{
	return send_head(socket_fd, (struct resident_request){.kind = RESIDENT_SIGNAL,
							      .signal = (uint32_t)signum});
}

int resident_send_answer(int socket_fd, uint64_t question, const struct reply *reply)
{
	_cleanup_buf_ struct buf strings = BUF_INIT(MAX_MESSAGE_BYTES);
	struct resident_request head = {
		.kind = RESIDENT_ANSWER, .question = question, .is_answer = reply->text != NULL};
	struct packet packet = {.head = &head, .head_len = sizeof(head)};

	put(&strings, reply->text ? reply->text : "");
	put(&strings, reply->by ? reply->by : "");
	put(&strings, reply->failure ? reply->failure : "");
	if (strings.overflow)
		return -E2BIG;
	packet.payload = strings.data;
	packet.payload_len = strings.len;
	return packet_send(socket_fd, &packet, NULL, 0);
}

int resident_send_reply(int socket_fd, const struct resident_reply *reply, const char *text,
			int file_fd)
{
	struct resident_reply head = *reply;
	const struct packet packet = {
		.head = &head,
		.head_len = sizeof(head),
		.payload = without_const(text), /* only read */
		.payload_len = strlen(text) + 1,
	};

	if (packet.payload_len > MAX_REPLY_TEXT)
		return -E2BIG;
	return packet_send(socket_fd, &packet, &file_fd, file_fd >= 0 ? 1 : 0);
}

/* The strings of a message, taken off one by one. */
struct strings {
	const char *at;
	size_t left;
	bool bad;
};

static const char *take(struct strings *s)
{
	const size_t len = s->bad ? 0 : strnlen(s->at, s->left);
	const char *text = s->at;

	if (s->bad || len == s->left) {
		s->bad = true;
		return "";
	}
	s->at += len + 1;
	s->left -= len + 1;
	return text;
}

/* The same of one that may be missing, and is empty then. */
static const char *take_or_null(struct strings *s)
{
	const char *text = take(s);

	return text[0] ? text : NULL;
}

static const char **take_list(struct strings *s, uint32_t count)
{
	const char **list = xcalloc((size_t)count + 1, sizeof(*list));

	for (uint32_t i = 0; i < count; i++)
		list[i] = take(s);
	return list;
}

static int take_apart(struct resident_run *run, size_t len)
{
	const struct resident_request *head = &run->head;
	struct strings s = {.at = run->payload, .left = len};

	if (head->policies < 1 || head->policies > MAX_POLICIES || head->labels > MAX_LABELS ||
	    head->privates > MAX_PRIVATES || head->canaries > MAX_CANARIES || head->args < 1 ||
	    head->args > MAX_ARGV_ITEMS || head->vars > MAX_VARS || head->mode > MODE_OBSERVE ||
	    head->cost.amount < 0 || (head->cost.unit[0] && !unit_is_good(head->cost.unit)) ||
	    head->trace > TRACE_MODE_OFF || head->tty > 1)
		return -EPROTO;
	run->session = take(&s);
	run->workspace = take(&s);
	run->record_path = take(&s);
	run->policies = take_list(&s, head->policies);
	run->policy_key = take_or_null(&s);
	run->policy_text = take_or_null(&s);
	run->resolver = take_or_null(&s);
	run->allow_private = take_list(&s, head->privates);
	run->canaries = take_list(&s, head->canaries);
	run->labels = xcalloc(head->labels, sizeof(*run->labels));
	for (uint32_t i = 0; i < head->labels; i++) {
		run->labels[i].path = take(&s);
		run->labels[i].name = take(&s);
	}
	run->args = take_list(&s, head->args);
	run->vars = take_list(&s, head->vars);
	return s.bad || s.left ? -EPROTO : 0;
}

static int take_answer(struct resident_run *run, size_t len)
{
	struct strings s = {.at = run->payload, .left = len};

	run->reply.text = take(&s);
	run->reply.by = take(&s);
	run->reply.failure = take(&s);
	if (!run->head.is_answer)
		run->reply.text = NULL;
	return s.bad || s.left ? -EPROTO : 0;
}

int resident_recv_request(int socket_fd, struct resident_run *ret, struct msg_fds *ret_fds)
{
	struct resident_run run = {.payload = xcalloc(1, MAX_MESSAGE_BYTES)};
	struct packet packet = {.head = &run.head,
				.head_len = sizeof(run.head),
				.payload = run.payload,
				.payload_len = MAX_MESSAGE_BYTES};
	int r = packet_recv(socket_fd, &packet, ret_fds);

	/* Kept as long as the session lives, so no larger than it is. */
	if (!r && packet.payload_len)
		run.payload = xrealloc_array(run.payload, packet.payload_len, 1);
	if (!r && run.head.kind == RESIDENT_RUN)
		r = ret_fds->count == RESIDENT_FDS ? take_apart(&run, packet.payload_len) : -EPROTO;
	else if (!r && run.head.kind == RESIDENT_ANSWER && !ret_fds->count)
		r = take_answer(&run, packet.payload_len);
	else if (!r && (ret_fds->count || packet.payload_len))
		r = -EPROTO;
	*ret = run;
	return r;
}

void resident_run_done(struct resident_run *run)
{
	free(without_const(run->policies));
	free(without_const(run->allow_private));
	free(without_const(run->canaries));
	free(run->labels);
	free(without_const(run->args));
	free(without_const(run->vars));
	free(run->payload);
	*run = (struct resident_run){0};
}

/* Texts of a plain struct that came from elsewhere. */
static void end_texts(struct command_outcome *outcome)
{
	struct denial *denials[] = {&outcome->refusal, &outcome->result.last_denial};

	for (size_t i = 0; i < sizeof(denials) / sizeof(denials[0]); i++) {
		denials[i]->kind[sizeof(denials[i]->kind) - 1] = '\0';
		denials[i]->rule[sizeof(denials[i]->rule) - 1] = '\0';
		denials[i]->because[sizeof(denials[i]->because) - 1] = '\0';
		denials[i]->subject[sizeof(denials[i]->subject) - 1] = '\0';
	}
	outcome->result.error[sizeof(outcome->result.error) - 1] = '\0';
}

int resident_recv_reply(int socket_fd, struct resident_reply *ret, char *text,
			struct msg_fds *ret_fds)
{
	struct packet packet = {.head = ret,
				.head_len = sizeof(*ret),
				.payload = text,
				.payload_len = MAX_REPLY_TEXT};
	const int r = packet_recv(socket_fd, &packet, ret_fds);

	if (r)
		return r;
	if (!packet.payload_len || text[packet.payload_len - 1] != '\0') {
		msg_fds_close(ret_fds);
		return -EPROTO;
	}
	end_texts(&ret->outcome);
	return 0;
}
