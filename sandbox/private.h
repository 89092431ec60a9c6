/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * private_remove - removes a session's private folder (spec_private_dir()) and all that is in it.
 * By descriptors and without following a link, so that nothing else can be reached by it.
 */
void private_remove(const char *folder);
