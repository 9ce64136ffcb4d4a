/*
 * tcp.bpf.h
 *		TCP: what is kept for a socket, and how its deltas are made.
 *
 * The close hook and the snapshot may look at one socket on two CPUs at once.
 * Both read the socket's totals first and then take, under the storage's lock,
 * the part that was not told yet; totals only grow, so whichever comes second
 * finds less, never more.  Space in the ring is reserved before anything is
 * marked as told.
 */
#ifndef TOPOLOGY_TCP_BPF_H
#define TOPOLOGY_TCP_BPF_H

#define TCP_ESTABLISHED  1
#define TCP_SYN_SENT     2
#define TCP_SYN_RECV     3
#define TCP_CLOSE        7
#define TCP_LISTEN       10
#define TCP_NEW_SYN_RECV 12

/* A process that opens and closes much need not be looked up each time. */
#define CLOSES_PER_TOUCH 16

#define SOCK_DONE_BIT (1UL << 1)

#define ACCEPTED_PATIENCE 1000000000ULL /* ns */

/* A live connection says at least this often that it lives. */
const volatile __u64 heartbeat_interval = 30000000000ULL;

/* Whether the cgroup's hooks are there: of connect(), and of packets. */
const volatile bool cgroup_hooks = true;

/*
 * A socket's storage.  Made when it connects, listens or is created (UDP), by
 * the bootstrap scan, or cloned from the listener; read by the close hook, the
 * snapshot and the UDP hooks; freed by the kernel with the socket.
 */
struct
{
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct flow_socket);
} sockets SEC(".maps");

/*
 * Connections whose address is translated.  Inserted by the egress hook, once
 * for each (tcp_look); read by the close hook and the snapshot; deleted when the
 * socket connects anew; freed by the kernel with the socket.
 */
struct
{
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct flow_tuple);
} translations SEC(".maps");

/* A socket's counters as they stand. */
struct tcp_totals
{
	__u64 tx_bytes;
	__u64 rx_bytes;
	__u32 tx_packets;
	__u32 rx_packets;
	__u32 retransmits;
};

/* What a socket did since its last event. */
struct tcp_delta
{
	__u64 start_ns;
	__u64 end_ns;
	__u64 tx_bytes;
	__u64 rx_bytes;
	__u32 tx_packets;
	__u32 rx_packets;
	__u32 retransmits;
	__u8 connections;
	__u8 failed;
};

/* Whether another CPU, or the task interrupted here, works on the socket. */
static __always_inline bool
socket_is_locked(struct sock *sk)
{
	__u32 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), &sk->sk_lock.slock);
	return word || sk->sk_lock.owned;
}

/*
 * bytes_received counts a FIN as one byte a little before SOCK_DONE is set,
 * both while the socket is locked.  So a reader that does not hold the lock
 * itself (exact false) holds one byte back when it finds it taken; that byte
 * is told next time.
 */
static __always_inline __u64
tcp_rx_bytes(struct tcp_sock *tcp, bool exact)
{
	struct sock *sk = (struct sock *) tcp;
	__u64 bytes = *(volatile __u64 *) &tcp->bytes_received;
	bool locked = !exact && socket_is_locked(sk);

	if (bytes > 0 && (locked || (sk->__sk_common.skc_flags & SOCK_DONE_BIT)))
		bytes--;
	return bytes;
}

/* Sent before retransmitted: a change in between makes the result too low, which heals. */
static __always_inline void
tcp_read_totals(struct tcp_sock *tcp, bool exact, struct tcp_totals *totals)
{
	__u64 sent = *(volatile __u64 *) &tcp->bytes_sent;

	totals->tx_bytes = sent - *(volatile __u64 *) &tcp->bytes_retrans;
	totals->rx_bytes = tcp_rx_bytes(tcp, exact);
	totals->tx_packets = tcp->segs_out;
	totals->rx_packets = tcp->segs_in;
	totals->retransmits = tcp->total_retrans;
}

static __always_inline void
set_reported(struct flow_reported *reported, const struct tcp_totals *totals)
{
	reported->tx_bytes = totals->tx_bytes;
	reported->rx_bytes = totals->rx_bytes;
	reported->tx_packets = totals->tx_packets;
	reported->rx_packets = totals->rx_packets;
	reported->retransmits = totals->retransmits;
}

static __always_inline __u64
take_u64(__u64 total, __u64 *reported)
{
	__s64 delta = total - *reported;

	if (delta <= 0)
		return 0;
	*reported = total;
	return delta;
}

/* The kernel's 32-bit counters wrap around. */
static __always_inline __u32
take_u32(__u32 total, __u32 *reported)
{
	__s32 delta = total - *reported;

	if (delta <= 0)
		return 0;
	*reported = total;
	return delta;
}

/* Take what was not told yet; from then on it is.  Lock held. */
static __always_inline void
tcp_take_delta(struct flow_socket *state, const struct tcp_totals *totals, struct tcp_delta *delta)
{
	struct flow_reported *reported = &state->reported;
	bool untold = !(state->flags & FLOW_SOCKET_COUNTED);
	bool established = state->flags & FLOW_SOCKET_ESTABLISHED;

	bool silent = !untold && totals->tx_bytes == reported->tx_bytes &&
				  totals->rx_bytes == reported->rx_bytes &&
				  totals->tx_packets == reported->tx_packets &&
				  totals->rx_packets == reported->rx_packets;
	/* what was carried, was carried since the last look; that it lived, since the last event */
	__u64 since = silent ? state->last_event : state->since;

	delta->start_ns = since < delta->end_ns ? since : delta->end_ns;
	delta->tx_bytes = take_u64(totals->tx_bytes, &reported->tx_bytes);
	delta->rx_bytes = take_u64(totals->rx_bytes, &reported->rx_bytes);
	delta->tx_packets = take_u32(totals->tx_packets, &reported->tx_packets);
	delta->rx_packets = take_u32(totals->rx_packets, &reported->rx_packets);
	delta->retransmits = take_u32(totals->retransmits, &reported->retransmits);
	delta->connections = untold && established;
	delta->failed = untold && !established;
	state->flags |= FLOW_SOCKET_COUNTED;
	state->since = delta->end_ns;
	state->last_event = delta->end_ns;
}

static __always_inline void
tcp_put_delta(const struct tcp_delta *delta, struct flow_event *event)
{
	event->start_ns = delta->start_ns;
	event->end_ns = delta->end_ns;
	event->tx_bytes = delta->tx_bytes;
	event->rx_bytes = delta->rx_bytes;
	event->tx_packets = delta->tx_packets;
	event->rx_packets = delta->rx_packets;
	event->retransmits = delta->retransmits;
	event->connections = delta->connections;
	event->failed = delta->failed;
}

static __always_inline void
tcp_lose_delta(const struct tcp_delta *delta)
{
	struct flow_lost *here = lost_here();

	if (!here)
		return;
	__sync_fetch_and_add(&here->events, 1);
	__sync_fetch_and_add(&here->connections, delta->connections);
	__sync_fetch_and_add(&here->failed, delta->failed);
	__sync_fetch_and_add(&here->tx_bytes, delta->tx_bytes);
	__sync_fetch_and_add(&here->rx_bytes, delta->rx_bytes);
	__sync_fetch_and_add(&here->tx_packets, delta->tx_packets);
	__sync_fetch_and_add(&here->rx_packets, delta->rx_packets);
}

static __always_inline void
tcp_read_addresses(struct sock *sk, struct flow_event *event)
{
	__u32 local[4], peer[4];

	if (sk->__sk_common.skc_family != AF_INET6)
	{
		event->family = 4;
		copy_ipv4(event->local, sk->__sk_common.skc_rcv_saddr);
		copy_ipv4(event->peer, sk->__sk_common.skc_daddr);
		return;
	}
	bpf_probe_read_kernel(local, sizeof(local), &sk->__sk_common.skc_v6_rcv_saddr);
	bpf_probe_read_kernel(peer, sizeof(peer), &sk->__sk_common.skc_v6_daddr);
	copy_address(event->local, local);
	event->family = copy_address(event->peer, peer);
}

static __always_inline void
tcp_read_translation(struct sock *sk, const struct flow_socket *state, struct flow_event *event)
{
	const struct flow_tuple *translated = NULL;

	if (state->translation == FLOW_TRANSLATION_KNOWN)
		translated = bpf_sk_storage_get(&translations, sk, NULL, 0);
	if (translated)
		event->translated = *translated;
	else
		__builtin_memset(&event->translated, 0, sizeof(event->translated));
}

/* All of an event but its delta.  Its memory may hold anything before. */
static __always_inline void
tcp_describe(struct tcp_sock *tcp, const struct flow_socket *state, __u8 kind,
			 struct flow_event *event)
{
	struct sock *sk = (struct sock *) tcp;

	event->version = FLOW_EVENT_VERSION;
	event->size = sizeof(*event);
	event->kind = kind;
	event->protocol = IPPROTO_TCP;
	event->role = state->role;
	event->cookie = bpf_get_socket_cookie(sk);
	event->process = state->process;
	event->netns = sk->__sk_common.skc_net.net->ns.inum;
	event->local_port = bpf_ntohs(((struct inet_sock *) tcp)->inet_sport);
	event->peer_port = bpf_ntohs(sk->__sk_common.skc_dport);
	event->rtt_us = tcp->srtt_us >> 3;
	__builtin_memcpy(event->comm, state->comm, FLOW_COMM_SIZE);
	tcp_read_addresses(sk, event);
	tcp_read_translation(sk, state, event);
}

/*
 * A connect() begins.  The socket, which the verifier knows as one of two types,
 * may have had a connection before: what its counters hold belongs to that one.
 */
static __always_inline void
tcp_connecting(void *sk, struct tcp_sock *tcp)
{
	struct flow_socket *state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	struct tcp_totals totals;
	__u64 now = bpf_ktime_get_boot_ns();

	if (!state)
	{
		lose_socket();
		return;
	}
	process_identify(bpf_get_current_task_btf(), true, &state->process, state->comm);
	if (state->translation == FLOW_TRANSLATION_KNOWN)
		bpf_sk_storage_delete(&translations, sk);
	state->translation = FLOW_TRANSLATION_UNKNOWN;
	tcp_read_totals(tcp, true, &totals);
	bpf_spin_lock(&state->lock);
	state->role = FLOW_EVENT_ROLE_CLIENT;
	state->flags = 0;
	state->since = now;
	state->last_event = 0;
	set_reported(&state->reported, &totals);
	bpf_spin_unlock(&state->lock);
}

/* The listener's storage is what its accepted children begin with. */
static __always_inline void
tcp_listening(struct sock *sk)
{
	struct flow_socket *state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!state)
	{
		lose_socket();
		return;
	}
	process_identify(bpf_get_current_task_btf(), true, &state->process, state->comm);
	bpf_spin_lock(&state->lock);
	state->role = FLOW_EVENT_ROLE_SERVER;
	state->flags = FLOW_SOCKET_LISTENER;
	bpf_spin_unlock(&state->lock);
}

/*
 * A socket without storage began before the hooks were there: it is counted
 * all the same, and bootstrap may yet learn its process.
 */
static __always_inline void
tcp_established(struct sock *sk, int oldstate)
{
	struct flow_socket *state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	struct flow_lost *here = lost_here();
	__u64 now = 0;

	if (!state)
	{
		lose_socket();
		return;
	}
	/* reading the clock is a good part of what this costs */
	if (state->role != FLOW_EVENT_ROLE_CLIENT || state->since == 0)
		now = bpf_ktime_get_boot_ns();
	bpf_spin_lock(&state->lock);
	if (state->role == FLOW_EVENT_ROLE_UNKNOWN)
		state->role = oldstate == TCP_SYN_RECV ? FLOW_EVENT_ROLE_SERVER : FLOW_EVENT_ROLE_CLIENT;
	census_begin(state, here);
	state->flags = FLOW_SOCKET_ESTABLISHED;
	if (now)
		state->since = now;
	bpf_spin_unlock(&state->lock);
}

/* A state that only a connection that was established reaches. */
static __always_inline bool
tcp_is_synchronized(int state)
{
	return state != TCP_SYN_SENT && state != TCP_SYN_RECV && state != TCP_CLOSE &&
		   state != TCP_LISTEN && state != TCP_NEW_SYN_RECV;
}

/*
 * The hook can miss a change to ESTABLISHED (see flow_capture.bpf.c); later
 * states tell of it.  Without a role the bootstrap scan is about to decide.
 * Lock held.
 */
static __always_inline void
tcp_heal(struct flow_socket *state, int seen, __u64 now, struct flow_lost *here)
{
	if (state->role != FLOW_EVENT_ROLE_UNKNOWN && tcp_is_synchronized(seen))
		census_begin(state, here);
	if (state->since == 0)
		state->since = now;
}

/* Whether the end of this socket is worth an event: a connection or a failed attempt. */
static __always_inline bool
tcp_had_peer(const struct flow_socket *state, int oldstate)
{
	if ((state->flags & FLOW_SOCKET_CLOSED) || oldstate == TCP_LISTEN)
		return false;
	if ((state->flags & FLOW_SOCKET_ESTABLISHED) || oldstate == TCP_SYN_SENT)
		return true;
	if (oldstate == TCP_SYN_RECV)
		return state->role == FLOW_EVENT_ROLE_CLIENT;
	return state->role != FLOW_EVENT_ROLE_UNKNOWN && tcp_is_synchronized(oldstate);
}

static __always_inline void
tcp_closed(struct sock *sk, struct tcp_sock *tcp, int oldstate)
{
	struct flow_lost *here = lost_here();
	struct tcp_totals totals;
	struct flow_event *event;
	struct tcp_delta delta;
	struct flow_socket *state = bpf_sk_storage_get(
		&sockets, sk, NULL, oldstate == TCP_SYN_SENT ? BPF_SK_STORAGE_GET_F_CREATE : 0);

	if (!state || !tcp_had_peer(state, oldstate))
		return;
	if (state->role == FLOW_EVENT_ROLE_UNKNOWN)
		state->role = FLOW_EVENT_ROLE_CLIENT;
	event = event_reserve();
	delta.end_ns = bpf_ktime_get_boot_ns();
	tcp_read_totals(tcp, true, &totals);
	bpf_spin_lock(&state->lock);
	tcp_heal(state, oldstate, delta.end_ns, here);
	tcp_take_delta(state, &totals, &delta);
	census_end(state, here);
	bpf_spin_unlock(&state->lock);
	if (!event)
	{
		tcp_lose_delta(&delta);
		return;
	}
	tcp_describe(tcp, state, FLOW_EVENT_CLOSE, event);
	tcp_put_delta(&delta, event);
	if (event->cookie % CLOSES_PER_TOUCH == 0)
		process_touch(&state->process);
	event_submit(event);
}

/*
 * Whether the next packet that it sends may yet tell what a connection is on the
 * wire.  One that was accepted right now sends it at once, or after its client's
 * first words; one that is older than the hooks when it is used again.
 */
static __always_inline bool
tcp_awaits_look(const struct flow_socket *state, __u64 now)
{
	__u64 patience = state->role == FLOW_EVENT_ROLE_CLIENT ? heartbeat_interval : ACCEPTED_PATIENCE;

	return cgroup_hooks && state->translation == FLOW_TRANSLATION_UNKNOWN &&
		   now - state->since < patience;
}

/* Whether a snapshot has something to tell of a live connection. */
static __always_inline bool
tcp_has_news(const struct flow_socket *state, const struct tcp_totals *totals, __u64 now)
{
	if (tcp_awaits_look(state, now))
		return false;
	if (state->last_event == 0 || !(state->flags & FLOW_SOCKET_COUNTED))
		return true;
	return totals->tx_bytes > state->reported.tx_bytes ||
		   totals->rx_bytes > state->reported.rx_bytes ||
		   (__s32) (totals->tx_packets - state->reported.tx_packets) > 0 ||
		   (__s32) (totals->rx_packets - state->reported.rx_packets) > 0 ||
		   now - state->last_event >= heartbeat_interval;
}

/* A ring that is full leaves everything untold, for the next snapshot. */
static __always_inline void
tcp_snapshot(struct tcp_sock *tcp, struct flow_socket *state, int seen)
{
	struct tcp_delta delta = {.end_ns = bpf_ktime_get_boot_ns()};
	struct flow_lost *here = lost_here();
	struct tcp_totals totals;
	struct flow_event *event;
	bool closed;

	tcp_read_totals(tcp, false, &totals);
	if (!tcp_has_news(state, &totals, delta.end_ns))
	{
		/* what comes has come since now; but a look is waited for since the last event */
		if ((state->flags & FLOW_SOCKET_COUNTED) &&
			(!cgroup_hooks || state->translation != FLOW_TRANSLATION_UNKNOWN))
			state->since = delta.end_ns;
		return;
	}
	event = event_reserve();
	if (!event)
		return;
	bpf_spin_lock(&state->lock);
	closed = state->flags & FLOW_SOCKET_CLOSED;
	if (!closed)
	{
		tcp_heal(state, seen, delta.end_ns, here);
		tcp_take_delta(state, &totals, &delta);
	}
	bpf_spin_unlock(&state->lock);
	if (closed)
	{
		bpf_ringbuf_discard(event, BPF_RB_NO_WAKEUP);
		return;
	}
	tcp_describe(tcp, state, FLOW_EVENT_SNAPSHOT, event);
	tcp_put_delta(&delta, event);
	process_touch(&state->process);
	event_submit(event);
}

#endif /* TOPOLOGY_TCP_BPF_H */
