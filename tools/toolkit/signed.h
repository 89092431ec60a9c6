/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * By whom the policies of a session must be signed. Root says it for all sessions of the host by
 * public keys in /etc/cordon/policy.pub (where the build was not told another folder); whoever
 * starts a session may ask for more, never for less.
 *
 * It binds who starts sessions by this program: one who may run another is not bound by anything
 * here.
 */

#include "common/error.h"
#include "monitor/policy/signature.h"

/*
 * signed_keys - those in force: the host's, of these only the ones in @path if that is not NULL; or
 * those in it, where the host has none.
 * @ret: no keys: no signature is asked for. Errors: a file that cannot be read or trusted; -EPERM:
 * none of the keys in @path is the host's.
 */
int signed_keys(const char *path, struct policy_keys *ret, struct error *err);
