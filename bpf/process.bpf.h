/*
 * process.bpf.h
 *		Who owns a socket: the map of processes, filled where a hook runs in the
 *		process's own context.
 */
#ifndef TOPOLOGY_PROCESS_BPF_H
#define TOPOLOGY_PROCESS_BPF_H

/*
 * Processes that own sockets.  Inserted on first sight (process_touch), read
 * by the worker, never deleted: the least recently used entry makes room, and
 * every event of a process counts as use.
 */
struct
{
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct flow_process_key);
	__type(value, struct flow_process);
} process SEC(".maps");

/* The value of a process before it is filled in; too large for the stack. */
const struct flow_process empty_process = {};

#define ENVIRONMENT_STRINGS 1024
#define ENVIRONMENT_CHUNK   192

/* A walk along the strings between env_start and env_end. */
struct environment_walk
{
	struct flow_process *value;
	__u64 next;
	__u64 end;
	__u8 at_start; /* next is where a string begins */
};

static __always_inline bool
starts_with(const char *text, const char *prefix, int length)
{
	for (int i = 0; i < length; i++)
		if (text[i] != prefix[i])
			return false;
	return true;
}

static __always_inline void
environment_take(struct flow_process *value, const char *text, __u64 address)
{
	if (starts_with(text, "OTEL_SERVICE_NAME=", 18))
		bpf_probe_read_user_str(value->service_name, FLOW_SERVICE_SIZE, (void *) (address + 18));
	else if (starts_with(text, "OTEL_RESOURCE_ATTRIBUTES=", 25))
		bpf_probe_read_user_str(value->resource_attributes, FLOW_ATTRIBUTES_SIZE,
								(void *) (address + 25));
}

/*
 * Look at one string, or at a chunk of a long one.  A full chunk may or may
 * not end in the string's own NUL: the next look begins at that byte.
 */
static long
environment_step(__u32 index, struct environment_walk *walk)
{
	char text[ENVIRONMENT_CHUNK] = {};
	long length;

	if (walk->next >= walk->end)
		return 1;
	length = bpf_probe_read_user_str(text, sizeof(text), (void *) walk->next);
	if (length <= 0)
		return 1;
	if (walk->at_start)
		environment_take(walk->value, text, walk->next);
	walk->at_start = length < ENVIRONMENT_CHUNK;
	walk->next += walk->at_start ? length : ENVIRONMENT_CHUNK - 1;
	return 0;
}

static __always_inline void
process_read_environment(struct task_struct *leader, struct flow_process *value)
{
	struct environment_walk walk = {.value = value, .at_start = 1};
	struct mm_struct *mm = BPF_CORE_READ(leader, mm);

	if (!mm)
		return;
	walk.next = BPF_CORE_READ(mm, env_start);
	walk.end = BPF_CORE_READ(mm, env_end);
	bpf_loop(ENVIRONMENT_STRINGS, environment_step, &walk, 0);
	value->environment_known = 1;
}

static __always_inline struct kernfs_node *
kernfs_parent(struct kernfs_node *node)
{
	if (bpf_core_field_exists(node->__parent))
		return BPF_CORE_READ(node, __parent);
	return BPF_CORE_READ(node, parent);
}

static __always_inline void
process_read_cgroup(struct task_struct *leader, struct flow_process *value)
{
	struct kernfs_node *node = BPF_CORE_READ(leader, cgroups, dfl_cgrp, kn);
	struct kernfs_node *parent;

	value->cgroup_id = BPF_CORE_READ(node, id);
	bpf_probe_read_kernel_str(value->cgroup, FLOW_CGROUP_SIZE, BPF_CORE_READ(node, name));
	parent = kernfs_parent(node);
	if (parent)
		bpf_probe_read_kernel_str(value->cgroup_parent, FLOW_CGROUP_SIZE,
								  BPF_CORE_READ(parent, name));
}

/*
 * Fill in a process.  Its environment can only be read from inside itself: for
 * another task (own false) pin reads it from /proc.
 */
static __always_inline void
process_fill(struct task_struct *leader, struct flow_process *value, bool own)
{
	value->ready = 0;
	value->environment_known = 0;
	value->service_name[0] = value->resource_attributes[0] = '\0';
	value->exec_id = leader->self_exec_id;
	value->netns = BPF_CORE_READ(leader, nsproxy, net_ns, ns.inum);
	bpf_probe_read_kernel(value->comm, FLOW_COMM_SIZE, &leader->comm);
	process_read_cgroup(leader, value);
	if (own)
		process_read_environment(leader, value);
	value->ready = 1;
}

/* A process may rename itself.  Names are 16 bytes, aligned to 8. */
static __always_inline void
update_comm(struct flow_process *value, const char *comm)
{
	__u64 *to = (__u64 *) value->comm;
	const __u64 *from = (const __u64 *) comm;

	if (to[0] == from[0] && to[1] == from[1])
		return;
	to[0] = from[0];
	to[1] = from[1];
}

/*
 * The key and name of a task's process, which is entered into the map if it is
 * new there, and anew if it has since run another program.
 */
static __always_inline void
process_identify(struct task_struct *task, bool own, struct flow_process_key *key, char *comm)
{
	struct task_struct *leader = task->group_leader;
	struct flow_process *value;

	key->tgid = leader->tgid;
	key->start_boottime = leader->start_boottime;
	bpf_probe_read_kernel(comm, FLOW_COMM_SIZE, &leader->comm);
	value = bpf_map_lookup_elem(&process, key);
	if (value && value->exec_id == leader->self_exec_id)
	{
		update_comm(value, comm);
		return;
	}
	if (!value && bpf_map_update_elem(&process, key, &empty_process, BPF_NOEXIST))
		return; /* another thread is at it, or the map has no room */
	value = bpf_map_lookup_elem(&process, key);
	if (value)
		process_fill(leader, value, own);
}

/* Keep a process that still talks from being forgotten. */
static __always_inline void
process_touch(const struct flow_process_key *key)
{
	if (key->tgid)
		bpf_map_lookup_elem(&process, key);
}

#endif /* TOPOLOGY_PROCESS_BPF_H */
