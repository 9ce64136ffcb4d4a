/*
 * netns_names.c
 *		Names of network namespaces, as "ip netns" keeps them in /run/netns.
 *
 * Each file there is a mount of the namespace itself, so its inode number is
 * the namespace's.  At most NAMES_MAX are kept; those beyond have no name here.
 */
#include "capture/netns_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define NETNS_DIR "/run/netns"
#define NAMES_MAX 1024
#define KNOWN_FOR 10 /* seconds that a name is trusted: numbers are used again */

typedef struct netns_entry
{
	uint32_t inum;
	char name[64];
} netns_entry;

struct netns_names
{
	time_t read_at; /* CLOCK_MONOTONIC, whole seconds */
	size_t count;
	netns_entry entries[NAMES_MAX];
};

netns_names *
netns_names_create(void)
{
	netns_names *names = calloc(1, sizeof(*names));

	if (names != NULL)
		names->read_at = -KNOWN_FOR;
	return names;
}

void
netns_names_free(netns_names *names)
{
	free(names);
}

static void
read_names(netns_names *names)
{
	DIR *dir = opendir(NETNS_DIR);
	struct dirent *file;
	struct stat status;

	names->count = 0;
	if (dir == NULL)
		return;
	while (names->count < NAMES_MAX && (file = readdir(dir)) != NULL)
	{
		netns_entry *entry = &names->entries[names->count];

		if (file->d_name[0] == '.' || strlen(file->d_name) >= sizeof(entry->name) ||
			fstatat(dirfd(dir), file->d_name, &status, 0) != 0)
			continue;
		entry->inum = (uint32_t) status.st_ino;
		strcpy(entry->name, file->d_name);
		names->count++;
	}
	closedir(dir);
}

static const char *
find_name(const netns_names *names, uint32_t inum)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->entries[i].inum == inum)
			return names->entries[i].name;
	return NULL;
}

const char *
netns_name(netns_names *names, uint32_t inum)
{
	const char *name = find_name(names, inum);
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec - names->read_at >= (name != NULL ? KNOWN_FOR : 1))
	{
		names->read_at = now.tv_sec;
		read_names(names);
		name = find_name(names, inum);
	}
	return name != NULL ? name : "";
}
