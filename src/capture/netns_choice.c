/*
 * netns_choice.c
 *		Which network namespaces' sockets a reader of the capture takes.
 *
 * Events name a namespace by its inode number, which the kernel uses again once
 * the namespace is gone.  So a number is believed only as long as its name had
 * it: an event belongs to the namespace that had the number when the event was
 * written, as far as the looks at the names can tell.  Nothing is held open: a
 * reader must not keep a namespace alive.
 *
 * Cost: a stat() and a statfs() for each name, about once a batch.
 */
#include "capture/netns_choice.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#define NETNS_DIR    "/run/netns"
#define CHOSEN_MAX   64
#define PATH_SIZE    256
#define NOT_GONE     UINT64_MAX
#define BETWEEN_HINT "Give names of \"ip netns\" or absolute paths, with commas between."

/* A number of 0 is no namespace's. */
typedef struct chosen_netns
{
	char path[PATH_SIZE];
	uint32_t inum;
	uint64_t gone_ns; /* CLOCK_BOOTTIME, when the name was first missed */
} chosen_netns;

struct netns_choice
{
	bool except;
	uint64_t looked_ns; /* CLOCK_BOOTTIME; 0: not yet */
	size_t count;
	chosen_netns chosen[CHOSEN_MAX];
};

static uint64_t
boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

/* The namespace's number, 0 if there is none of that name. */
static uint32_t
number_of(const char *path)
{
	struct statfs system;
	struct stat status;

	/* a name that "ip netns" could not mount anything on is a plain file */
	if (statfs(path, &system) != 0 || system.f_type != NSFS_MAGIC || stat(path, &status) != 0)
		return 0;
	return (uint32_t) status.st_ino;
}

static void
look(netns_choice *choice)
{
	uint64_t now = boot_ns();

	for (size_t i = 0; i < choice->count; i++)
	{
		chosen_netns *netns = &choice->chosen[i];
		uint32_t inum = number_of(netns->path);

		if (inum == 0 && netns->gone_ns == NOT_GONE)
			netns->gone_ns = now;
		if (inum == 0)
			continue;
		netns->inum = inum;
		netns->gone_ns = NOT_GONE;
	}
	choice->looked_ns = now;
}

static bool
add_name(netns_choice *choice, const char *name, size_t length, capture_error *error)
{
	chosen_netns *netns = &choice->chosen[choice->count];
	int written;

	if (length == 0 || (name[0] != '/' && memchr(name, '/', length) != NULL))
		return capture_fail(error, EINVAL, BETWEEN_HINT,
							"\"%.*s\" is no name of a network namespace", (int) length, name);
	if (choice->count == CHOSEN_MAX)
		return capture_fail(error, EINVAL, "", "at most %d network namespaces can be named",
							CHOSEN_MAX);
	written = snprintf(netns->path, sizeof(netns->path), "%s%.*s",
					   name[0] == '/' ? "" : NETNS_DIR "/", (int) length, name);
	if (written >= (int) sizeof(netns->path))
		return capture_fail(error, EINVAL, BETWEEN_HINT,
							"the name of a network namespace is too long");
	choice->count++;
	return true;
}

static bool
add_names(netns_choice *choice, const char *names, capture_error *error)
{
	size_t length;

	for (;; names += length + 1)
	{
		length = strcspn(names, ",");
		if (!add_name(choice, names, length, error))
			return false;
		if (names[length] == '\0')
			return true;
	}
}

static bool
check_all_there(const netns_choice *choice, capture_error *error)
{
	for (size_t i = 0; i < choice->count; i++)
		if (choice->chosen[i].inum == 0)
			return capture_fail(error, ENOENT, "\"ip netns\" lists those that have a name.",
								"there is no network namespace \"%s\"", choice->chosen[i].path);
	return true;
}

static bool
set_up(netns_choice *choice, const char *only, const char *except, capture_error *error)
{
	bool has_only = only != NULL && only[0] != '\0';
	bool has_except = except != NULL && except[0] != '\0';

	choice->except = !has_only;
	if (has_only && has_except)
		return capture_fail(error, EINVAL, "",
							"network namespaces can be chosen or left out, not both at once");
	if (has_except)
		return add_names(choice, except, error);
	if (!has_only)
		return true;
	if (!add_names(choice, only, error))
		return false;
	look(choice);
	return check_all_there(choice, error);
}

netns_choice *
netns_choice_create(const char *only, const char *except, capture_error *error)
{
	netns_choice *choice = calloc(1, sizeof(*choice));

	if (choice == NULL)
	{
		capture_fail(error, ENOMEM, "", "out of memory");
		return NULL;
	}
	if (set_up(choice, only, except, error))
		return choice;
	netns_choice_free(choice);
	return NULL;
}

void
netns_choice_free(netns_choice *choice)
{
	free(choice);
}

static bool
is_listed(const netns_choice *choice, const struct flow_event *event)
{
	for (size_t i = 0; i < choice->count; i++)
	{
		const chosen_netns *netns = &choice->chosen[i];

		if (netns->inum == event->netns && event->end_ns <= netns->gone_ns)
			return true;
	}
	return false;
}

bool
netns_choice_takes(netns_choice *choice, const struct flow_event *event)
{
	if (choice->count == 0)
		return true;
	if (event->end_ns > choice->looked_ns)
		look(choice);
	return is_listed(choice, event) != choice->except;
}
