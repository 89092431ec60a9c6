/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The metadata services of clouds, as a virtual machine finds them: EC2 (both versions), ECS,
 * Google's and Azure's. Their credentials are the session's canaries.
 */

#include <string.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "monitor/net/decoy/service.h"

#define ROLE	    "app-server"
#define ACCOUNT	    "417705926018"
#define INSTANCE_ID "i-0f3a51c27d9be6048"

static bool wants(const struct exchange *x)
{
	static const char *const hosts[] = {"169.254.169.254", "169.254.170.2", "fd00:ec2::254",
					    "metadata.google.internal", "metadata"};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		if (strcmp(x->host, hosts[i]) == 0)
			return true;
	}
	return false;
}

static void put_json(struct answer *ret, struct buf *text)
{
	buf_putc(text, '\n');
	answer_text(ret, 200, "application/json", text->data);
	buf_done(text);
}

static void aws_credentials(const struct exchange *x, struct answer *ret)
{
	const struct made_up *m = &x->state->made_up;
	struct buf text = BUF_INIT(0);
	struct json_writer w = {.out = &text, .indent = true};

	json_begin_object(&w, NULL);
	json_put_string(&w, "Code", "Success");
	json_put_string(&w, "LastUpdated", "2026-01-01T00:00:00Z");
	json_put_string(&w, "Type", "AWS-HMAC");
	json_put_string(&w, "AccessKeyId", m->aws_key_id);
	json_put_string(&w, "SecretAccessKey", m->aws_secret);
	json_put_string(&w, "Token", m->aws_token);
	json_put_string(&w, "RoleArn", "arn:aws:iam::" ACCOUNT ":role/" ROLE);
	json_put_string(&w, "Expiration", "2099-01-01T00:00:00Z");
	json_end_object(&w);
	put_json(ret, &text);
	(void)snprintf(ret->detail, sizeof(ret->detail), "credentials of the role %s", ROLE);
}

static void aws_document(const struct exchange *x, struct answer *ret)
{
	(void)x;
	answer_text(
		ret, 200, "text/plain",
		"{\n  \"accountId\": \"" ACCOUNT "\",\n  \"instanceId\": \"" INSTANCE_ID
		"\",\n  \"instanceType\": \"g5.2xlarge\",\n  \"region\": \"us-east-1\",\n"
		"  \"availabilityZone\": \"us-east-1a\",\n  \"privateIp\": \"10.0.12.41\"\n}\n");
}

static void aws_token(const struct exchange *x, struct answer *ret)
{
	const char *seconds = http_field(x->request, "X-aws-ec2-metadata-token-ttl-seconds");

	if (!exchange_is(x, "PUT")) {
		answer_text(ret, 405, "text/plain", "");
	} else if (!seconds) {
		answer_text(ret, 400, "text/plain", "");
	} else {
		answer_field(ret, "X-aws-ec2-metadata-token-ttl-seconds",
			     strlen(seconds) <= 5 && !seconds[strspn(seconds, "0123456789")]
				     ? seconds
				     : "21600");
		answer_text(ret, 200, "text/plain", x->state->made_up.aws_metadata_token);
	}
}

static void google_token(const struct exchange *x, struct answer *ret)
{
	struct buf text = BUF_INIT(0);
	struct json_writer w = {.out = &text};

	json_begin_object(&w, NULL);
	json_put_string(&w, "access_token", x->state->made_up.google_token);
	json_put_u64(&w, "expires_in", 3599);
	json_put_string(&w, "token_type", "Bearer");
	json_end_object(&w);
	put_json(ret, &text);
	(void)snprintf(ret->detail, sizeof(ret->detail), "token of the default service account");
}

static void azure_token(const struct exchange *x, struct answer *ret)
{
	struct buf text = BUF_INIT(0);
	struct json_writer w = {.out = &text};

	json_begin_object(&w, NULL);
	json_put_string(&w, "access_token", x->state->made_up.azure_token);
	json_put_string(&w, "expires_in", "86399");
	json_put_string(&w, "resource", "https://management.azure.com/");
	json_put_string(&w, "token_type", "Bearer");
	json_end_object(&w);
	put_json(ret, &text);
	(void)snprintf(ret->detail, sizeof(ret->detail), "token of the managed identity");
}

/* The longest path that a request's begins with; is_whole: only that path. */
static const struct entry {
	const char *path;
	bool is_whole;
	void (*answer)(const struct exchange *x, struct answer *ret);
	const char *text;
} entries[] = {
	{"/latest/api/token", true, aws_token, NULL},
	{"/latest/meta-data/iam/security-credentials/" ROLE, true, aws_credentials, NULL},
	{"/latest/meta-data/iam/security-credentials", false, NULL, ROLE},
	{"/latest/meta-data/iam/info", true, NULL,
	 "{\"Code\":\"Success\",\"InstanceProfileArn\":\"arn:aws:iam::" ACCOUNT
	 ":instance-profile/" ROLE "\"}"},
	{"/latest/meta-data/instance-id", true, NULL, INSTANCE_ID},
	{"/latest/meta-data/instance-type", true, NULL, "g5.2xlarge"},
	{"/latest/meta-data/placement/region", true, NULL, "us-east-1"},
	{"/latest/meta-data/placement/availability-zone", true, NULL, "us-east-1a"},
	{"/latest/meta-data/local-ipv4", true, NULL, "10.0.12.41"},
	{"/latest/meta-data/hostname", true, NULL, "ip-10-0-12-41.ec2.internal"},
	{"/latest/meta-data/iam", false, NULL, "info\nsecurity-credentials/"},
	{"/latest/meta-data/", true, NULL,
	 "hostname\niam/\ninstance-id\ninstance-type\nlocal-ipv4\nplacement/"},
	{"/latest/meta-data", true, NULL,
	 "hostname\niam/\ninstance-id\ninstance-type\nlocal-ipv4\nplacement/"},
	{"/latest/dynamic/instance-identity/document", true, aws_document, NULL},
	{"/latest/user-data", true, NULL, "#!/bin/sh\nexec /opt/app/start --role " ROLE "\n"},
	{"/latest/", true, NULL, "dynamic\nmeta-data\nuser-data"},
	{"/latest", true, NULL, "dynamic\nmeta-data\nuser-data"},
	{"/v2/credentials", false, aws_credentials, NULL},
	{"/computeMetadata/v1/instance/service-accounts/default/token", true, google_token, NULL},
	{"/computeMetadata/v1/instance/service-accounts/default/email", true, NULL,
	 "app-server@decoy-project.iam.gserviceaccount.com"},
	{"/computeMetadata/v1/instance/service-accounts/default/scopes", true, NULL,
	 "https://www.googleapis.com/auth/cloud-platform"},
	{"/computeMetadata/v1/instance/service-accounts", false, NULL, "default/"},
	{"/computeMetadata/v1/project/project-id", true, NULL, "decoy-project"},
	{"/computeMetadata/v1", false, NULL, "instance/\nproject/"},
	{"/metadata/identity/oauth2/token", true, azure_token, NULL},
	{"/metadata/instance", false, NULL,
	 "{\"compute\":{\"location\":\"westeurope\",\"name\":\"app-server\",\"vmSize\":"
	 "\"Standard_NC6\"}}"},
	{"/", true, NULL, "latest\n"},
};

/* Google and Azure refuse who does not say that he means them: so a browser cannot be led there. */
static bool is_missing_header(const struct exchange *x)
{
	const bool is_google = exchange_path_begins(x, "/computeMetadata/");
	const bool is_azure = exchange_path_begins(x, "/metadata/");

	return (is_google && !http_field(x->request, "Metadata-Flavor")) ||
	       (is_azure && !http_field(x->request, "Metadata"));
}

static void answer(const struct exchange *x, struct answer *ret)
{
	if (exchange_path_begins(x, "/computeMetadata/"))
		answer_field(ret, "Metadata-Flavor", "Google");
	if (is_missing_header(x)) {
		answer_text(ret, 403, "text/plain", "Missing required header.\n");
		return;
	}
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		const struct entry *entry = &entries[i];

		if (entry->is_whole ? !exchange_path_is(x, entry->path)
				    : !exchange_path_begins(x, entry->path))
			continue;
		if (entry->answer)
			entry->answer(x, ret);
		else
			answer_text(ret, 200, "text/plain", entry->text);
		return;
	}
	answer_text(ret, 404, "text/plain", "Not Found\n");
}

const struct service metadata_service = {"metadata", wants, answer};
