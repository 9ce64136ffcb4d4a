/*
 * namespaces.c
 *		The network namespaces of this host.
 *
 * The kernel has no list of them.  Each is found by the processes in it and by
 * its mounts ("ip netns", container engines); one that only a descriptor or a
 * mount in another mount namespace keeps alive is not.  Whether it forwards is
 * asked inside it, since /proc/sys/net shows the reader's own namespace.
 */
#include "agent/namespaces.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/command.h"

#define OWN_NAMESPACE "/proc/thread-self/ns/net"

typedef struct namespace_walk
{
	namespace_visitor visit;
	void *context;
	uint32_t *seen;
	size_t count;
	size_t room;
	dev_t device; /* of the file system that namespaces are inodes of */
} namespace_walk;

static bool
complain(const char *what)
{
	agent_fail(AGENT_FAILED, "could not %s: %s", what, strerror(errno));
	return false;
}

static bool
was_seen(const namespace_walk *walk, uint32_t inum)
{
	for (size_t i = walk->count; i > 0; i--)
		if (walk->seen[i - 1] == inum)
			return true;
	return false;
}

static bool
remember(namespace_walk *walk, uint32_t inum)
{
	if (walk->count == walk->room)
	{
		size_t room = walk->room == 0 ? 64 : 2 * walk->room;
		uint32_t *seen = realloc(walk->seen, room * sizeof(*seen));

		if (seen == NULL)
			return complain("list the network namespaces");
		walk->seen = seen;
		walk->room = room;
	}
	walk->seen[walk->count++] = inum;
	return true;
}

static bool
file_says_one(int directory, const char *interface)
{
	char path[NAME_MAX + 16], value = '0';
	int fd;

	snprintf(path, sizeof(path), "%s/forwarding", interface);
	fd = openat(directory, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, &value, 1) != 1)
		value = '0';
	close(fd);
	return value == '1';
}

/* Whether any interface of the namespace that we are in does; "default" is none. */
static bool
forwards(const char *interfaces)
{
	DIR *directory = opendir(interfaces);
	struct dirent *interface;
	bool found = false;

	if (directory == NULL)
		return false;
	while (!found && (interface = readdir(directory)) != NULL)
		found = interface->d_name[0] != '.' && strcmp(interface->d_name, "default") != 0 &&
				file_says_one(dirfd(directory), interface->d_name);
	closedir(directory);
	return found;
}

/* Visit the namespace that path names, unless it was visited. */
static bool
visit_path(namespace_walk *walk, const char *path)
{
	struct stat status;
	bool go_on = true;
	int fd;

	if (stat(path, &status) != 0 || status.st_dev != walk->device ||
		was_seen(walk, (uint32_t) status.st_ino))
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	if (fstat(fd, &status) == 0 && !was_seen(walk, (uint32_t) status.st_ino) &&
		setns(fd, CLONE_NEWNET) == 0)
		go_on =
			remember(walk, (uint32_t) status.st_ino) &&
			walk->visit(walk->context, (uint32_t) status.st_ino,
						forwards("/proc/sys/net/ipv4/conf"), forwards("/proc/sys/net/ipv6/conf"));
	close(fd);
	return go_on;
}

static bool
visit_processes(namespace_walk *walk)
{
	DIR *proc = opendir("/proc");
	struct dirent *process;
	char path[NAME_MAX + 16];
	bool go_on = true;

	if (proc == NULL)
		return complain("list the processes");
	while (go_on && (process = readdir(proc)) != NULL)
	{
		if (process->d_name[0] < '1' || process->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", process->d_name);
		go_on = visit_path(walk, path);
	}
	closedir(proc);
	return go_on;
}

static bool
visit_mounts(namespace_walk *walk)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *mount;
	bool go_on = true;

	if (mounts == NULL)
		return complain("list the mounts");
	while (go_on && (mount = getmntent(mounts)) != NULL)
		if (strcmp(mount->mnt_type, "nsfs") == 0)
			go_on = visit_path(walk, mount->mnt_dir);
	endmntent(mounts);
	return go_on;
}

bool
namespaces_visit(namespace_visitor visit, void *context)
{
	namespace_walk walk = {.visit = visit, .context = context};
	int home = open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC);
	struct stat status;
	bool done;

	if (home < 0 || fstat(home, &status) != 0)
		return complain("open " OWN_NAMESPACE);
	walk.device = status.st_dev;
	done = visit_processes(&walk) && visit_mounts(&walk);
	if (setns(home, CLONE_NEWNET) != 0)
		done = complain("return to the own network namespace");
	close(home);
	free(walk.seen);
	return done;
}
