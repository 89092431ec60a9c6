/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Races against a gated call on a file: what the call is about is exchanged while it is under way,
 * between what the rule protects and what it does not. Memory and descriptors are exchanged by a
 * second thread. Links are exchanged from outside, where no gate puts exchange and call into a row.
 * A race counts only if both answers were seen.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "tools/prove/files.h"
#include "tools/prove/probes/attempt.h"

#define LEAST_ROUNDS 1000
#define LONGEST_S    20
/* A slow machine, an emulated one above all, makes no more rounds than show that both come up. */
#define SLOW_S	    4
#define SLOW_ENOUGH 20
#define LOOK_EVERY  64

struct file_race {
	const char *id;
	void (*exchange)(unsigned turn);
	long (*call)(void);
};

static _Atomic bool stop;
static char path[64];
static int slot_fd;
static int folder_fds[2];

union address {
	struct sockaddr_un un;
	struct sockaddr_in inet;
};

static union address bound, harmless, denied;
static int inet_fd, unix_fd;
/* Of a connection: one answers inside, the other is served by the runner. */
static const char own_socket[] = "harmless/sock";
static const char host_socket[] = "./denied/sock";
static bool reached;

static long wrote(int file_fd)
{
	long r;

	if (file_fd < 0)
		return -1;
	r = write(file_fd, "escaped\n", 8);
	(void)close(file_fd);
	return r;
}

/* --- what is exchanged --- */

static void exchange_text(unsigned turn)
{
	memcpy(path, turn % 2 ? "harmless/file" : "./denied/file", 14);
}

static void exchange_descriptor(unsigned turn)
{
	(void)dup2(folder_fds[turn % 2], slot_fd);
}

static void exchange_name(unsigned turn)
{
	memcpy(bound.un.sun_path, turn % 2 ? "harmless/bound" : "./denied/bound", 15);
}

/* What was judged is a socket and an address that lead nowhere. */
static void exchange_socket(unsigned turn)
{
	bound = turn % 2 ? harmless : denied;
	(void)dup2(turn % 2 ? inet_fd : unix_fd, slot_fd);
}

static void exchange_peer(unsigned turn)
{
	memcpy(bound.un.sun_path, turn % 2 ? own_socket : host_socket, sizeof(own_socket));
}

/* What was judged is the start of a conversation with nobody. */
static void exchange_connector(unsigned turn)
{
	bound = turn % 2 ? harmless : denied;
	(void)dup2(turn % 2 ? inet_fd : unix_fd, slot_fd);
}

/* Links that exist already change places: one rename a turn. */
static void exchange_link(unsigned turn)
{
	(void)turn;
	(void)syscall(SYS_renameat2, AT_FDCWD, "link", AT_FDCWD, "other-link", 2 /* EXCHANGE */);
}

static void exchange_folder(unsigned turn)
{
	(void)turn;
	(void)syscall(SYS_renameat2, AT_FDCWD, "way", AT_FDCWD, "other-way", 2 /* EXCHANGE */);
}

/* A name that is a file now and a link to the protected one then. */
static void exchange_last(unsigned turn)
{
	(void)unlink("last");
	if (turn % 2)
		(void)!symlink("denied/file", "last");
	else
		(void)close(open("last", O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
}

/* --- the calls; each can be made again and again --- */

static long open_text(void)
{
	return wrote(open(path, O_WRONLY));
}

static long chmod_text(void)
{
	return chmod(path, 0777);
}

static long rename_text(void)
{
	(void)close(open("moving", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	return rename("moving", path);
}

static long open_at(void)
{
	return wrote(openat(slot_fd, "file", O_WRONLY));
}

static long make_at(void)
{
	(void)rmdir("harmless/made");
	return mkdirat(slot_fd, "made", 0700);
}

static long open_link(void)
{
	return wrote(open("link/file", O_WRONLY));
}

static long create_link(void)
{
	(void)unlink("harmless/created");
	return wrote(open("link/created", O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static long unlink_link(void)
{
	(void)close(open("harmless/gone", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	return unlink("link/gone");
}

static long open_folder(void)
{
	return wrote(open("way/to/file", O_WRONLY));
}

static long open_last(void)
{
	return wrote(open("last", O_WRONLY));
}

static long truncate_last(void)
{
	return truncate("last", 0);
}

static long bind_name(void)
{
	const int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long r;

	(void)unlink("harmless/bound");
	r = bind(socket_fd, (const struct sockaddr *)&bound, sizeof(bound.un));
	(void)close(socket_fd);
	return r;
}

/* One that was bound cannot be bound again. */
static long bind_slot(void)
{
	const int fresh_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)dup2(fresh_fd, inet_fd);
	(void)close(fresh_fd);
	return bind(slot_fd, (const struct sockaddr *)&bound, sizeof(bound.un));
}

static long bind_link(void)
{
	static const struct sockaddr_un name = {AF_UNIX, "link/bound"};
	const int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long r;

	(void)unlink("harmless/bound");
	r = bind(socket_fd, (const struct sockaddr *)&name, sizeof(name));
	(void)close(socket_fd);
	return r;
}

/* Whom it was connected to tells by its name, which the runner's server has in full. */
static long reach(int socket_fd, const union address *to)
{
	struct sockaddr_un peer = {0};
	socklen_t len = sizeof(peer);
	const long r = connect(socket_fd, (const struct sockaddr *)to, sizeof(to->un));
	const int error = errno;

	if (getpeername(socket_fd, (struct sockaddr *)&peer, &len) == 0 &&
	    peer.sun_family == AF_UNIX && peer.sun_path[0] == '/') {
		reached = true;
		(void)send(socket_fd, "x", 1, MSG_NOSIGNAL);
	}
	errno = error;
	return r;
}

static long reach_once(const union address *to)
{
	const int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const long r = reach(socket_fd, to);
	const int error = errno;
	const int own_fd = accept4(folder_fds[0], NULL, NULL, SOCK_CLOEXEC);

	if (own_fd >= 0)
		(void)close(own_fd);
	(void)close(socket_fd);
	errno = error;
	return r;
}

static long connect_name(void)
{
	return reach_once(&bound);
}

/* The address of a UNIX socket is none for the other: then the call fails, whoever is asked. */
static long connect_slot(void)
{
	const int fresh_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	long r;

	(void)dup2(fresh_fd, unix_fd);
	(void)close(fresh_fd);
	r = reach(slot_fd, &bound);
	return r < 0 && errno == EAFNOSUPPORT ? 0 : r;
}

static long connect_link(void)
{
	static const union address name = {.un = {AF_UNIX, "link/sock"}};

	return reach_once(&name);
}

static long connect_folder(void)
{
	static const union address name = {.un = {AF_UNIX, "way/to/sock"}};

	return reach_once(&name);
}

static const struct file_race races[] = {
	{"file-race.open-text", exchange_text, open_text},
	{"file-race.chmod-text", exchange_text, chmod_text},
	{"file-race.rename-text", exchange_text, rename_text},
	{"file-race.openat-dup2", exchange_descriptor, open_at},
	{"file-race.mkdirat-dup2", exchange_descriptor, make_at},
	{"file-race.open-symlink", exchange_link, open_link},
	{"file-race.create-symlink", exchange_link, create_link},
	{"file-race.unlink-symlink", exchange_link, unlink_link},
	{"file-race.open-folder", exchange_folder, open_folder},
	{"file-race.open-last", exchange_last, open_last},
	{"file-race.truncate-last", exchange_last, truncate_last},
	{"file-race.bind-text", exchange_name, bind_name},
	{"file-race.bind-dup2", exchange_socket, bind_slot},
	{"file-race.bind-symlink", exchange_link, bind_link},
	{"file-race.connect-text", exchange_peer, connect_name},
	{"file-race.connect-dup2", exchange_connector, connect_slot},
	{"file-race.connect-symlink", exchange_link, connect_link},
	{"file-race.connect-folder", exchange_folder, connect_folder},
};

static const struct file_race *race_of(const char *id)
{
	for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++)
		if (strcmp(races[i].id, id) == 0)
			return &races[i];
	return NULL;
}

static void *keep_exchanging(void *arg)
{
	const struct file_race *race = arg;

	for (unsigned turn = 0; !atomic_load(&stop); turn++)
		race->exchange(turn);
	return NULL;
}

static bool is_outside(const struct file_race *race)
{
	return race->exchange == exchange_link || race->exchange == exchange_folder ||
	       race->exchange == exchange_last;
}

/* As the attempt sees it, to end once it is won. The runner looks for itself. */
static bool is_won(void)
{
	char text[16] = "";
	struct stat st;
	const int file_fd = open("denied/file", O_RDONLY | O_CLOEXEC);
	bool same = file_fd >= 0 && fstat(file_fd, &st) == 0 && (st.st_mode & 07777) == 0640 &&
		    read(file_fd, text, sizeof(text) - 1) == 9 && strcmp(text, "untouched") == 0;

	if (file_fd >= 0)
		(void)close(file_fd);
	return !same || reached || access("denied/gone", F_OK) < 0 ||
	       access("denied/made", F_OK) == 0 || access("denied/created", F_OK) == 0 ||
	       access("denied/bound", F_OK) == 0;
}

static int rounds(const struct file_race *race)
{
	const time_t start = time(NULL);
	unsigned allowed = 0;
	unsigned refused = 0;
	bool won = false;

	for (unsigned i = 0; time(NULL) < start + LONGEST_S && !won; i++) {
		if (race->call() >= 0)
			allowed++;
		else if (errno == FILES_ERRNO)
			refused++;
		if (i >= LEAST_ROUNDS && allowed > 5 && refused > 5)
			break;
		if (time(NULL) > start + SLOW_S && allowed >= SLOW_ENOUGH && refused >= SLOW_ENOUGH)
			break;
		if (i % LOOK_EVERY == 0)
			won = is_won();
	}
	(void)printf("race: %u allowed, %u refused\n", allowed, refused);
	if (won || is_won())
		return 0;
	return allowed && refused ? FILES_ERRNO : ATTEMPT_BROKEN;
}

static void set_up_sockets(void)
{
	inet_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unix_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	harmless.inet = (struct sockaddr_in){.sin_family = AF_INET,
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	denied.un = (struct sockaddr_un){AF_UNIX, "denied/bound"};
	bound = denied;
}

/* In the place of the folders, which no connection starts at. */
static bool set_up_servers(void)
{
	struct sockaddr_un own = {.sun_family = AF_UNIX};

	memcpy(own.sun_path, own_socket, sizeof(own_socket));
	(void)unlink(own_socket);
	folder_fds[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	memcpy(denied.un.sun_path, host_socket, sizeof(host_socket));
	bound = denied;
	return bind(folder_fds[0], (const struct sockaddr *)&own, sizeof(own)) == 0 &&
	       listen(folder_fds[0], 64) == 0;
}

static int run_race(const struct arena *a)
{
	const struct file_race *found = race_of(a->row);
	struct file_race race;
	char at[PATH_BYTES];
	pthread_t thread = 0;
	int r;

	if (!found || chdir(joined(at, a->work, FILES_CASE)) < 0)
		return ATTEMPT_BROKEN;
	race = *found;
	memcpy(path, "harmless/file", 14);
	folder_fds[0] = open("harmless", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	folder_fds[1] = open("denied", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	slot_fd = dup(folder_fds[0]);
	set_up_sockets();
	if (strstr(found->id, ".connect-") && !set_up_servers())
		return ATTEMPT_BROKEN;
	if (!is_outside(found) && pthread_create(&thread, NULL, keep_exchanging, &race) != 0)
		return ATTEMPT_BROKEN;
	r = rounds(found);
	atomic_store(&stop, true);
	if (thread)
		(void)pthread_join(thread, NULL);
	return r;
}

void files_beside(const struct row *row, const struct arena *a)
{
	const struct file_race *found = race_of(row->id);
	struct file_race race;
	char at[PATH_BYTES];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (found && chdir(joined(at, a->work, FILES_CASE)) == 0) {
		race = *found;
		(void)keep_exchanging(&race);
	}
	_exit(1);
}

#define FILE_RACE(id, classes, more)                                                        \
	ROW("file-race." id, classes, "a rule on files", run_race, .effect = EFFECT_CHANGE, \
	    .expect = {FILES_ERRNO}, .control = CONTROL_RULE,                               \
	    .flags = ROW_LIVE | ROW_FILES | (more))

/* On the host nobody is in the way. */
#define CONNECT_RACE(id, classes, more)                                                 \
	ROW("file-race.connect-" id, classes, "a rule on sockets", run_race,            \
	    .effect = EFFECT_REACHED, .expect = {FILES_ERRNO}, .control = CONTROL_HOST, \
	    .flags = ROW_LIVE | ROW_FILES | (more))

const struct row file_race_rows[] = {
	FILE_RACE("open-text", "1,34", 0),
	FILE_RACE("chmod-text", "1,34", 0),
	FILE_RACE("rename-text", "1,34", 0),
	FILE_RACE("openat-dup2", "3,34", 0),
	FILE_RACE("mkdirat-dup2", "3,34", 0),
	FILE_RACE("open-symlink", "20,34", ROW_BESIDE),
	FILE_RACE("create-symlink", "20,34", ROW_BESIDE),
	FILE_RACE("unlink-symlink", "20,34", ROW_BESIDE),
	FILE_RACE("open-folder", "20,34", ROW_BESIDE),
	FILE_RACE("open-last", "20,34", ROW_BESIDE),
	FILE_RACE("truncate-last", "20,34", ROW_BESIDE),
	FILE_RACE("bind-text", "1,34", 0),
	FILE_RACE("bind-dup2", "3,34", 0),
	FILE_RACE("bind-symlink", "20,34", ROW_BESIDE),
	CONNECT_RACE("text", "1,25", 0),
	CONNECT_RACE("dup2", "3,25", 0),
	CONNECT_RACE("symlink", "20,25", ROW_BESIDE),
	CONNECT_RACE("folder", "20,25", ROW_BESIDE),
	{0},
};
