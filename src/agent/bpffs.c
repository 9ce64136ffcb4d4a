/*
 * bpffs.c
 *		The directory of the pins: a file system, permissions, and its removal.
 */
#include "agent/bpffs.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/command.h"
#include "capture/pins.h"

#define SYSTEM_BPFFS "/sys/fs/bpf"

static bool
complain(const char *what, const char *path)
{
	agent_fail(AGENT_FAILED, "could not %s \"%s\": %s", what, path, strerror(errno));
	return false;
}

static bool
is_bpffs(const char *path)
{
	struct statfs status;

	return statfs(path, &status) == 0 && (unsigned long) status.f_type == BPF_FS_MAGIC;
}

static void
parent_of(const char *path, char *parent, size_t size)
{
	char *slash;

	snprintf(parent, size, "%s", path);
	slash = strrchr(parent, '/');
	if (slash != NULL && slash != parent)
		*slash = '\0';
	else
		snprintf(parent, size, "%s", slash != NULL ? "/" : ".");
}

static bool
is_mount_point(const char *path)
{
	char parent[PATH_MAX];
	struct stat here, above;

	parent_of(path, parent, sizeof(parent));
	return stat(path, &here) == 0 && stat(parent, &above) == 0 && here.st_dev != above.st_dev;
}

static bool
below(const char *path, const char *top)
{
	size_t length = strlen(top);

	return strncmp(path, top, length) == 0 && path[length] == '/';
}

static bool
mount_bpffs(const char *where)
{
	if (mount("bpf", where, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755") != 0)
		return complain("mount a BPF file system on", where);
	agent_say("mounted a BPF file system on %s", where);
	return true;
}

/* Let others pass through, not list, the directories between the mount and dir. */
static bool
make_reachable(const char *dir)
{
	char path[PATH_MAX];
	struct stat status;

	for (parent_of(dir, path, sizeof(path)); is_bpffs(path); parent_of(path, path, sizeof(path)))
	{
		if (stat(path, &status) != 0)
			return complain("look at", path);
		if ((status.st_mode & 0011) == 0011)
			continue;
		if (chmod(path, (status.st_mode & 07777) | 0011) != 0)
			return complain("make searchable", path);
		agent_say("made %s searchable, for the group to reach the pins", path);
	}
	return true;
}

bool
bpffs_prepare(const char *dir, gid_t gid)
{
	char parent[PATH_MAX];

	if (below(dir, SYSTEM_BPFFS) && !is_bpffs(SYSTEM_BPFFS) && !mount_bpffs(SYSTEM_BPFFS))
		return false;
	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return complain("create", dir);
	parent_of(dir, parent, sizeof(parent));
	if (!is_bpffs(dir) && !mount_bpffs(dir))
		return false;
	if (is_bpffs(parent) && !make_reachable(dir))
		return false;
	return bpffs_permit(dir, gid, 0750);
}

bool
bpffs_has(const char *dir, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

bool
bpffs_each(const char *dir, const char *prefix, bool (*visit)(void *context, const char *name),
		   void *context)
{
	DIR *directory = opendir(dir);
	struct dirent *file;
	bool go_on = true;

	if (directory == NULL)
		return complain("list", dir);
	while (go_on && (file = readdir(directory)) != NULL)
		if (strncmp(file->d_name, prefix, strlen(prefix)) == 0)
			go_on = visit(context, file->d_name);
	closedir(directory);
	return go_on;
}

bool
bpffs_remove_pin(const char *dir, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return unlink(path) == 0 || errno == ENOENT || complain("remove", path);
}

static bool
remove_link(void *context, const char *name)
{
	return bpffs_remove_pin(context, name);
}

static bool
remove_pins(const char *dir)
{
	static const char *const names[] = PIN_NAMES;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!bpffs_remove_pin(dir, names[i]))
			return false;
	return bpffs_each(dir, PIN_FORWARD_LINK, remove_link, (void *) (uintptr_t) dir);
}

bool
bpffs_remove(const char *dir)
{
	if (access(dir, F_OK) != 0)
		return errno == ENOENT || complain("open", dir);
	if (!is_bpffs(dir))
	{
		agent_fail(AGENT_FAILED, "\"%s\" is not on a BPF file system: left alone", dir);
		return false;
	}
	if (!remove_pins(dir))
		return false;
	/* a reader may hold the directory still: it keeps what it has open */
	if (is_mount_point(dir) && umount2(dir, MNT_DETACH) != 0)
		return complain("unmount", dir);
	return rmdir(dir) == 0 || complain("remove", dir);
}

bool
bpffs_permit(const char *path, gid_t gid, mode_t mode)
{
	if (chown(path, 0, gid) != 0 || chmod(path, mode) != 0)
		return complain("set the owner of", path);
	return true;
}
