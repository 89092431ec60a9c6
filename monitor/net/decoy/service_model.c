/* SPDX-License-Identifier: Apache-2.0 */

/* APIs of language models: answers of the right shape, whoever's model was asked for. */

#include <string.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "common/json_write.h"
#include "monitor/net/decoy/service.h"

#define REPLY "Understood."

static bool wants(const struct exchange *x)
{
	return exchange_path_ends(x, "/chat/completions") ||
	       exchange_path_ends(x, "/v1/messages") || exchange_path_ends(x, "/v1/completions") ||
	       exchange_path_ends(x, "/v1/responses") ||
	       exchange_path_ends(x, ":generateContent") ||
	       exchange_path_ends(x, "/v1/embeddings") || exchange_path_ends(x, "/v1/models");
}

static void put_usage(struct json_writer *w, const char *in, const char *out)
{
	json_begin_object(w, "usage");
	json_put_u64(w, in, 12);
	json_put_u64(w, out, 3);
	json_end_object(w);
}

/* A message, or with `key` "delta" a piece of one. */
static void put_choice(struct json_writer *w, const char *key, bool is_last)
{
	json_begin_array(w, "choices");
	json_begin_object(w, NULL);
	json_put_u64(w, "index", 0);
	json_begin_object(w, key);
	json_put_string(w, "role", "assistant");
	json_put_string(w, "content", REPLY);
	json_end_object(w);
	if (is_last)
		json_put_string(w, "finish_reason", "stop");
	else
		json_put_null(w, "finish_reason");
	json_end_object(w);
	json_end_array(w);
}

static void put_completion(struct json_writer *w, const char *model, bool is_chunk)
{
	json_begin_object(w, NULL);
	json_put_string(w, "id", "chatcmpl-decoy");
	json_put_string(w, "object", is_chunk ? "chat.completion.chunk" : "chat.completion");
	json_put_u64(w, "created", 1767225600);
	json_put_string(w, "model", model);
	put_choice(w, is_chunk ? "delta" : "message", true);
	if (!is_chunk)
		put_usage(w, "prompt_tokens", "completion_tokens");
	json_end_object(w);
}

static void put_message(struct json_writer *w, const char *model)
{
	json_begin_object(w, NULL);
	json_put_string(w, "id", "msg_decoy");
	json_put_string(w, "type", "message");
	json_put_string(w, "role", "assistant");
	json_put_string(w, "model", model);
	json_begin_array(w, "content");
	json_begin_object(w, NULL);
	json_put_string(w, "type", "text");
	json_put_string(w, "text", REPLY);
	json_end_object(w);
	json_end_array(w);
	json_put_string(w, "stop_reason", "end_turn");
	put_usage(w, "input_tokens", "output_tokens");
	json_end_object(w);
}

static void put_other(const struct exchange *x, struct json_writer *w, const char *model)
{
	static const char models[] =
		"{\"object\":\"list\",\"data\":[{\"id\":\"decoy-1\",\"object\":\"model\"}]}";
	static const char embeddings[] =
		"{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
		"\"embedding\":[0.01,-0.02,0.03,0.04]}],\"usage\":{\"prompt_tokens\":4}}";
	static const char generated[] =
		"{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"" REPLY
		"\"}]},\"finishReason\":\"STOP\"}]}";
	static const char responded[] =
		"{\"id\":\"resp_decoy\",\"object\":\"response\",\"status\":\"completed\","
		"\"output\":[{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":"
		"\"output_text\",\"text\":\"" REPLY "\"}]}]}";

	if (exchange_path_ends(x, "/v1/models"))
		json_put_raw(w, NULL, models, sizeof(models) - 1);
	else if (exchange_path_ends(x, "/v1/embeddings"))
		json_put_raw(w, NULL, embeddings, sizeof(embeddings) - 1);
	else if (exchange_path_ends(x, ":generateContent"))
		json_put_raw(w, NULL, generated, sizeof(generated) - 1);
	else if (exchange_path_ends(x, "/v1/responses"))
		json_put_raw(w, NULL, responded, sizeof(responded) - 1);
	else
		put_completion(w, model, false);
}

static void answer(const struct exchange *x, struct answer *ret)
{
	const struct str body = exchange_body(x);
	_cleanup_(json_freep) struct json *doc = NULL;
	struct buf text = BUF_INIT(0);
	struct json_writer w = {.out = &text};
	const char *model = NULL;
	bool is_chat = exchange_path_ends(x, "/chat/completions");

	if (body.len && json_parse("body", body.at, body.len, &doc, NULL) == 0)
		model = json_get_string(doc, "model");
	if (!model)
		model = "decoy-1";
	if (is_chat && doc && json_bool(json_get(doc, "stream"))) {
		buf_puts(&text, "data: ");
		put_completion(&w, model, true);
		buf_puts(&text, "\n\ndata: [DONE]\n\n");
		answer_text(ret, 200, "text/event-stream", text.data);
	} else {
		if (exchange_path_ends(x, "/v1/messages"))
			put_message(&w, model);
		else
			put_other(x, &w, model);
		answer_text(ret, 200, "application/json", text.data);
	}
	buf_done(&text);
}

const struct service model_service = {"model", wants, answer};
