/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/json.h"
#include "tools/toolkit/plan.h"

int plan_read_spec(const struct session_options *options, const char *id, const char *state_dir,
		   struct spec *ret, struct error *err)
{
	struct json *doc = NULL;
	int r = json_parse_file(options->spec_path, &doc, err);

	if (r < 0)
		return error_prefix(err, "--spec");
	r = spec_from_json(doc, ret, err);
	json_free(doc);
	if (r == 0 && options->net.mode != NET_NONE && ret->net != options->net.mode)
		r = error_set(err, EINVAL,
			      "its \"net\" is \"%s\", and the options want \"%s\"; change one of "
			      "them",
			      net_mode_name(ret->net), net_mode_name(options->net.mode));
	if (r < 0)
		return error_prefix(err, "%s", options->spec_path);
	spec_adopt(ret, id, state_dir);
	return 0;
}
