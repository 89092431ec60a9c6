/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the two calls of judge_calls.c run. How they go on speaks for itself: no result is told.
 */

#define BYSTANDER   "--bystander"
#define ATTACK	    "--attack"
#define ATTACK_ALL  "all"    /* kill(-1) */
#define ATTACK_EACH "each"   /* every process number */
#define ATTACK_LOOK "look"   /* prints every command line that /proc shows */
#define READY	    "ready"  /* a file in the workspace: the bystander stands */
#define ATTACKED    "@@ now" /* printed before the attack: it may take its own call along */

int bystander_main(void);
int attack_main(const char *kind);
