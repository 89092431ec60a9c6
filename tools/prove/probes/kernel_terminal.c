/* SPDX-License-Identifier: Apache-2.0 */
/* Terminals: typing into one, its line discipline, that of whoever started the session. */
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "tools/prove/probes/attempt.h"

/* A pty pair of our own becomes our terminal; then a letter is typed into it. */
static int with_terminal(int (*fn)(int slave_fd))
{
	int unlock = 0;
	const int master_fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int slave_fd = -1;
	int r = ATTEMPT_BROKEN;

	/* The terminal goes with its master; that must not take us along. */
	(void)signal(SIGHUP, SIG_IGN);
	(void)setsid();
	if (master_fd >= 0 && ioctl(master_fd, TIOCSPTLCK, &unlock) == 0)
		slave_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave_fd >= 0 && ioctl(slave_fd, TIOCSCTTY, 0) == 0)
		r = fn(slave_fd);
	(void)close(slave_fd);
	(void)close(master_fd);
	return r;
}

static int type(int slave_fd)
{
	return outcome(ioctl(slave_fd, TIOCSTI, "x"));
}

static int type_high_bits(int slave_fd)
{
	return outcome(syscall(SYS_ioctl, slave_fd, 0x500000000ul | TIOCSTI, "x"));
}

static int ask_size(int slave_fd)
{
	struct winsize size;

	return outcome(ioctl(slave_fd, TIOCGWINSZ, &size));
}

static int open_terminal(int slave_fd)
{
	(void)slave_fd;
	return closed(open("/dev/tty", O_RDWR | O_CLOEXEC));
}

static int set_discipline(int slave_fd)
{
	int discipline = 0;

	return outcome(ioctl(slave_fd, TIOCSETD, &discipline));
}

static int tiocsti(const struct arena *a)
{
	(void)a;
	return with_terminal(type);
}

static int tiocsti_high_bits(const struct arena *a)
{
	(void)a;
	return with_terminal(type_high_bits);
}

static int line_discipline(const struct arena *a)
{
	(void)a;
	return with_terminal(set_discipline);
}

static int terminal_size(const struct arena *a)
{
	(void)a;
	return with_terminal(ask_size);
}

static int controlling_terminal(const struct arena *a)
{
	(void)a;
	return closed(open("/dev/tty", O_RDWR | O_CLOEXEC));
}

static int own_terminal(const struct arena *a)
{
	(void)a;
	return with_terminal(open_terminal);
}

const struct row kernel_terminal_rows[] = {
	ROW("kernel.tiocsti", "30", "seccomp", tiocsti, .twin = terminal_size, .expect = {EPERM},
	    .control = CONTROL_BARE),
	ROW("kernel.tiocsti-high-bits", "30", "seccomp", tiocsti_high_bits, .twin = terminal_size,
	    .expect = {EPERM}, .control = CONTROL_BARE),
	ROW("kernel.line-discipline", "30", "seccomp", line_discipline, .twin = terminal_size,
	    .expect = {EPERM}, .control = CONTROL_BARE),
	ROW("kernel.callers-terminal", "30", "session of its own", controlling_terminal,
	    .twin = own_terminal, .expect = {ENXIO}),
	{0},
};
