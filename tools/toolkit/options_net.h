/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The options about the network, a child of session_argp. */

#include <argp.h>

#include "tools/toolkit/plan.h"

/* input: a struct net_options *. Owned parts are freed by net_options_done(). */
extern const struct argp net_argp;

void net_options_done(struct net_options *net);

/*
 * net_policy - what --allow-host says, as a policy document: the hosts are trusted (the list
 * trusted_hosts of the families), and where ports were named, other ports are refused.
 * Return: its text, the caller's; NULL if no host was named.
 */
char *net_policy(const struct net_options *net);
