/*
 * forward.c
 *		The capture of what network namespaces forward: where it is attached.
 *
 * A link of netfilter is of one namespace and family, and holds a reference on
 * the namespace.  So one that has lost its last process and mount would live on,
 * with its interfaces, for as long as its link: forward_follow() compares the
 * pinned links with the namespaces that are in use, and lets go of the rest.
 *
 * The kernel gives each priority to one BPF program of a namespace, so that
 * several captures take several: from the first behind source NAT on.
 */
#include "agent/forward.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/bpffs.h"
#include "agent/command.h"
#include "agent/namespaces.h"
#include "capture/pins.h"

/* Of the kernel's interface, newer than the headers that we build with. */
#define NETFILTER_PROGRAM 32
#define NETFILTER_ATTACH  45
#define FAMILY_IPV4       2
#define FAMILY_IPV6       10
#define HOOK_POST_ROUTING 4
#define BEHIND_SOURCE_NAT 200
#define PRIORITIES        64

/* The part of union bpf_attr that makes a link of netfilter. */
typedef struct netfilter_link
{
	uint32_t program_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint32_t family;
	uint32_t hook;
	int32_t priority;
	uint32_t netfilter_flags;
} netfilter_link;

#define LINK_NAME_SIZE 32

typedef struct attach_round
{
	const char *dir;
	int program_fd;
	size_t namespaces; /* that forward */
	size_t added;      /* links */
	size_t removed;
	char (*wanted)[LINK_NAME_SIZE];
	size_t count;
	size_t room;
} attach_round;

static bool
kernel_has_netfilter_programs(void)
{
	const struct bpf_insn accept[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = NETFILTER_ATTACH);
	int fd = bpf_prog_load((enum bpf_prog_type) NETFILTER_PROGRAM, "probe", "GPL", accept,
						   sizeof(accept) / sizeof(accept[0]), &options);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

const char *
forward_obstacle(void)
{
	if (!kernel_has_netfilter_programs())
		return "the kernel has no BPF programs for netfilter, which Linux 6.4 has";
	if (access("/proc/sys/net/netfilter/nf_conntrack_max", F_OK) != 0)
		return "nf_conntrack is not loaded";
	return NULL;
}

void
forward_prepare(struct bpf_program *program)
{
	bpf_program__set_type(program, (enum bpf_prog_type) NETFILTER_PROGRAM);
	bpf_program__set_expected_attach_type(program, (enum bpf_attach_type) NETFILTER_ATTACH);
}

/* A link in the namespace that we are in; -1 with errno set. */
static int
make_link(int program_fd, uint32_t family)
{
	netfilter_link link = {.program_fd = (uint32_t) program_fd,
						   .attach_type = NETFILTER_ATTACH,
						   .family = family,
						   .hook = HOOK_POST_ROUTING};
	int fd = -1;

	for (int i = 0; fd < 0 && i < PRIORITIES; i++)
	{
		link.priority = BEHIND_SOURCE_NAT + i;
		fd = (int) syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof(link));
		if (fd < 0 && errno != EBUSY)
			return -1;
	}
	return fd;
}

static bool
make_pinned_link(const attach_round *round, const char *name, uint32_t family)
{
	char path[256];
	int fd = make_link(round->program_fd, family);
	int result;

	if (fd < 0)
		return false;
	snprintf(path, sizeof(path), "%s/%s", round->dir, name);
	result = bpf_obj_pin(fd, path);
	close(fd);
	if (result != 0)
		errno = -result;
	/* somebody else may have been faster */
	return result == 0 ? bpffs_permit(path, 0, 0400) : errno == EEXIST;
}

static bool
want(attach_round *round, const char *name)
{
	if (round->count == round->room)
	{
		size_t room = round->room == 0 ? 64 : 2 * round->room;
		void *wanted = realloc(round->wanted, room * LINK_NAME_SIZE);

		if (wanted == NULL)
		{
			agent_fail(AGENT_FAILED, "out of memory");
			return false;
		}
		round->wanted = wanted;
		round->room = room;
	}
	strcpy(round->wanted[round->count++], name);
	return true;
}

static bool
attach_family(attach_round *round, uint32_t inum, int family)
{
	char name[LINK_NAME_SIZE];

	snprintf(name, sizeof(name), PIN_FORWARD_LINK "%d_%" PRIu32, family, inum);
	if (!bpffs_has(round->dir, name))
	{
		if (!make_pinned_link(round, name, family == 4 ? FAMILY_IPV4 : FAMILY_IPV6))
		{
			agent_fail(AGENT_FAILED, "could not attach to network namespace %" PRIu32 ": %s", inum,
					   strerror(errno));
			return true;
		}
		round->added++;
	}
	return want(round, name);
}

static bool
attach_here(void *context, uint32_t inum, bool forwards4, bool forwards6)
{
	attach_round *round = context;

	round->namespaces += forwards4 || forwards6;
	return (!forwards4 || attach_family(round, inum, 4)) &&
		   (!forwards6 || attach_family(round, inum, 6));
}

static bool
remove_unwanted(void *context, const char *name)
{
	attach_round *round = context;

	for (size_t i = 0; i < round->count; i++)
		if (strcmp(round->wanted[i], name) == 0)
			return true;
	round->removed++;
	return bpffs_remove_pin(round->dir, name);
}

bool
forward_follow(const char *dir)
{
	attach_round round = {.dir = dir};
	char path[256];
	bool done;

	snprintf(path, sizeof(path), "%s/%s", dir, PIN_FORWARD);
	round.program_fd = bpf_obj_get(path);
	if (round.program_fd < 0)
	{
		agent_fail(AGENT_FAILED, "could not open \"%s\": %s", path, strerror(errno));
		return false;
	}
	done = namespaces_visit(attach_here, &round) &&
		   bpffs_each(dir, PIN_FORWARD_LINK, remove_unwanted, &round);
	close(round.program_fd);
	free(round.wanted);
	if (round.added > 0 || round.removed > 0)
		agent_say("network namespaces that forward: %zu; hooks added: %zu, removed: %zu",
				  round.namespaces, round.added, round.removed);
	return done;
}
