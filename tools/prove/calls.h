/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the two sides of judge_calls.c and judge_sessions.c run. How they go on speaks for itself:
 * no result is told.
 */

#define BYSTANDER	"--bystander"
#define ATTACK		"--attack"
#define ATTACK_ALL	"all"	   /* kill(-1) */
#define ATTACK_EACH	"each"	   /* every process number */
#define ATTACK_LOOK	"look"	   /* prints every command line that /proc shows */
#define ATTACK_PIDFD	"pidfd"	   /* kills by a descriptor that the bystander passes to anybody */
#define ATTACK_ABSTRACT "abstract" /* connects to the bystander's abstract socket: it ends then */
#define ATTACK_FILE	"file"	   /* makes a file in /tmp: the bystander ends when it sees it */
#define ATTACK_SERVER	"server"   /* connects to each socket in a folder, given as one more word */
#define READY		"ready"	   /* a file in the workspace: the bystander stands */
#define STANDING	"@@ standing" /* printed by it then */
#define ATTACKED	"@@ now" /* printed before the attack: it may take its own call along */
#define TAKEN		"@@ descriptor taken"
#define REACHED		"@@ reached the supervisor"

int bystander_main(void);
int attack_main(const char *kind, const char *folder);
