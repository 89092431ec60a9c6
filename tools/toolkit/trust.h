/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What makes a session trust its decoys: a certificate authority, made for it, and a bundle of the
 * host's authorities with that one behind them, which stands in the view where the host's stands
 * and is named in the environment for those who look elsewhere. Where the host has a store for
 * Java, one with the same certificates stands in its place.
 *
 * Not reached: a Java runtime that brings a store of its own along, and programs that know their
 * servers' keys by heart.
 */

#include <stddef.h>

#include "common/error.h"
#include "monitor/net/decoy/tls_module.h"
#include "sandbox/spec.h"

struct trust {
	const struct tls_module *module;
	struct authority *authority; /* of the module; NULL: nobody new is trusted */
	char *bundle;		     /* on the host */
	char *java_store;	     /* likewise; NULL: the host has none either */
};

/* Errors: the module is not there, no authority could be made, or its files not be written into
 * @folder. */
int trust_make(struct trust *trust, const char *folder, struct error *err);
/* Removes the files, once the session is over. */
void trust_settle(const struct trust *trust);
void trust_done(struct trust *trust);

/* Where the files stand in the view. Return: how many; strings are borrowed. */
#define TRUST_BINDS 7u
size_t trust_binds(const struct trust *trust, struct spec_bind ret[TRUST_BINDS]);
/* The variables that name it, and those given, which have the last word; NULL-terminated. The array
 * is the caller's, its strings borrowed. */
const char **trust_env(const struct trust *trust, const char *const *env, size_t count);
