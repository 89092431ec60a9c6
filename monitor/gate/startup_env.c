/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/startup_env.h"

#include <stddef.h>
#include <string.h>

/* Beginnings of "NAME=VALUE": with the sign a whole name, without it a family of names. */
static const char *const beginnings[] = {
	"LD_", /* ld.so(8) */
	"GLIBC_TUNABLES=",
	"GCONV_PATH=", /* modules that iconv(3) loads */
	"BASH_ENV=",
	"BASH_FUNC_", /* functions handed to a child bash */
	"BASHOPTS=",
	"SHELLOPTS=",
	"ENV=", /* start-up file of sh */
	"PS4=", /* expanded, and so run, under set -x */
	"ZDOTDIR=",
	"PYTHON", /* PYTHONPATH, PYTHONSTARTUP, PYTHONHOME, ... */
	"PERL5",
	"PERLLIB=",
	"RUBYOPT=",
	"RUBYLIB=",
	"NODE_OPTIONS=",
	"NODE_PATH=",
	"LUA_INIT", /* also LUA_INIT_5_4 */
	"LUA_PATH",
	"LUA_CPATH",
	"PHPRC=",
	"PHP_INI_SCAN_DIR=",
	"JAVA_TOOL_OPTIONS=",
	"JDK_JAVA_OPTIONS=",
	"_JAVA_OPTIONS=",
	"CLASSPATH=",
	"OPENSSL_CONF=", /* may name engines to load */
	"OPENSSL_MODULES=",
	"OPENSSL_ENGINES=",
};

bool is_startup_variable(const char *variable)
{
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (strncmp(variable, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	return false;
}
