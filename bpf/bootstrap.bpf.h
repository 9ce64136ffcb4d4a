/*
 * bootstrap.bpf.h
 *		Sockets that were there before the hooks.
 *
 * pin reads this iterator twice, after the hooks are attached.  The first pass
 * finds listeners and UDP sockets, the second connections, which belong to a
 * server if such a listener exists and otherwise to a client.  What these had
 * carried by then is taken as told: it was before our time.
 */
#ifndef TOPOLOGY_BOOTSTRAP_BPF_H
#define TOPOLOGY_BOOTSTRAP_BPF_H

#define BOOTSTRAP_LISTENERS   1
#define BOOTSTRAP_CONNECTIONS 2

/* Set by pin before each pass. */
__u32 bootstrap_pass;

struct listener
{
	__u32 netns;
	__u32 port;
};

/*
 * Ports listened on.  Inserted by the first pass, read by the second, gone with
 * the iterator.
 */
struct
{
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct listener);
	__type(value, __u8);
} listeners SEC(".maps");

static __always_inline void
listener_of(struct sock *sk, struct listener *listener)
{
	listener->netns = sk->__sk_common.skc_net.net->ns.inum;
	listener->port = sk->__sk_common.skc_num;
}

/* The storage of a socket, with its process entered unless a hook has done so. */
static __always_inline struct flow_socket *
bootstrap_storage(struct task_struct *task, struct sock *sk)
{
	struct flow_socket *state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!state)
		lose_socket();
	else if (state->process.tgid == 0)
		process_identify(task, false, &state->process, state->comm);
	return state;
}

static __always_inline void
bootstrap_listener(struct task_struct *task, struct sock *sk)
{
	struct flow_socket *state = bootstrap_storage(task, sk);
	struct listener listener = {};
	__u8 one = 1;

	if (state)
	{
		bpf_spin_lock(&state->lock);
		state->role = FLOW_EVENT_ROLE_SERVER;
		state->flags = FLOW_SOCKET_LISTENER;
		bpf_spin_unlock(&state->lock);
	}
	listener_of(sk, &listener);
	bpf_map_update_elem(&listeners, &listener, &one, BPF_ANY);
}

static __always_inline void
bootstrap_connection(struct task_struct *task, struct sock *sk, struct tcp_sock *tcp)
{
	struct flow_socket *state = bootstrap_storage(task, sk);
	struct flow_lost *here = lost_here();
	struct listener listener = {};
	struct tcp_totals totals;
	bool accepted;
	__u64 now = bpf_ktime_get_boot_ns();

	if (!state)
		return;
	listener_of(sk, &listener);
	accepted = bpf_map_lookup_elem(&listeners, &listener) != NULL;
	tcp_read_totals(tcp, false, &totals);
	bpf_spin_lock(&state->lock);
	if (state->flags == 0 && state->role == FLOW_EVENT_ROLE_UNKNOWN)
	{
		state->role = accepted ? FLOW_EVENT_ROLE_SERVER : FLOW_EVENT_ROLE_CLIENT;
		census_begin(state, here);
		state->flags |= FLOW_SOCKET_COUNTED;
		state->since = now;
		set_reported(&state->reported, &totals);
	}
	bpf_spin_unlock(&state->lock);
}

static __always_inline void
bootstrap_tcp(struct task_struct *task, struct sock *sk, struct tcp_sock *tcp)
{
	unsigned char state = sk->__sk_common.skc_state;

	if (state == TCP_LISTEN)
	{
		if (bootstrap_pass == BOOTSTRAP_LISTENERS)
			bootstrap_listener(task, sk);
	}
	else if (state == TCP_SYN_SENT)
		bootstrap_storage(task, sk);
	else if (state != TCP_CLOSE && state != TCP_SYN_RECV && bootstrap_pass == BOOTSTRAP_CONNECTIONS)
		bootstrap_connection(task, sk, tcp);
}

#endif /* TOPOLOGY_BOOTSTRAP_BPF_H */
