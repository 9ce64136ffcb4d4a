/*
 * proc.c
 *		What /proc tells of a process, to anybody.
 */
#include "capture/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NANOSECONDS 1000000000ULL

static FILE *
open_proc(unsigned int tgid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/%s", tgid, name);
	return fopen(path, "re");
}

/* The 22nd field; the 2nd is a name in parentheses that may hold anything. */
static bool
parse_start_ticks(const char *stat, unsigned long long *ticks)
{
	const char *field = strrchr(stat, ')');

	for (int i = 2; field != NULL && i < 22; i++)
		field = strchr(field + 1, ' ');
	return field != NULL && sscanf(field, "%llu", ticks) == 1;
}

bool
proc_is_alive(const struct flow_process_key *key)
{
	FILE *file = open_proc(key->tgid, "stat");
	unsigned long long ticks, expected;
	char line[1024];
	bool read;

	if (file == NULL)
		return false;
	read = fgets(line, sizeof(line), file) != NULL;
	fclose(file);
	expected = key->start_boottime / (NANOSECONDS / (unsigned long long) sysconf(_SC_CLK_TCK));
	return read && parse_start_ticks(line, &ticks) && ticks == expected;
}

bool
proc_read_comm(unsigned int tgid, char *comm, size_t size)
{
	FILE *file = open_proc(tgid, "comm");
	bool read;

	if (file == NULL)
		return false;
	read = fgets(comm, (int) size, file) != NULL;
	fclose(file);
	if (read)
		comm[strcspn(comm, "\n")] = '\0';
	return read;
}

bool
proc_read_cgroups(unsigned int tgid, void (*take)(void *context, const char *path), void *context)
{
	FILE *file = open_proc(tgid, "cgroup");
	char *line = NULL, *path;
	size_t size = 0;

	if (file == NULL)
		return false;
	while (getline(&line, &size, file) > 0)
	{
		line[strcspn(line, "\n")] = '\0';
		path = strchr(line, ':');
		path = path != NULL ? strchr(path + 1, ':') : NULL;
		if (path != NULL)
			take(context, path + 1);
	}
	free(line);
	fclose(file);
	return true;
}
