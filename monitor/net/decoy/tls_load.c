/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <errno.h>

#include "monitor/net/decoy/tls_module.h"

int tls_module_load(const char *path, const struct tls_module **ret, struct error *err)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct tls_module *module = handle ? dlsym(handle, "tls_module") : NULL;

	if (!module)
		return error_set(err, ELIBACC, "load what decoys need for TLS: %s", dlerror());
	*ret = module;
	return 0;
}
