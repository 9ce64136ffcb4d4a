/*
 * udp.bpf.h
 *		UDP: conversations kept in a table, since a datagram socket has no state
 *		changes to watch.
 *
 * The packet hooks add to an entry under its lock; the snapshot moves what was
 * added into an event and forgets entries that have been idle.  An entry is
 * marked dead before it is deleted.  A packet that still finds it, or finds
 * its memory in use for another conversation, starts over, and is counted as
 * lost when that does not help either.
 */
#ifndef TOPOLOGY_UDP_BPF_H
#define TOPOLOGY_UDP_BPF_H

#define UDP_HEADER_SIZE    8
#define UDP_ATTEMPTS       3
#define SOCK_BINDPORT_LOCK 8

/* An entry without packets for so long is forgotten. */
const volatile __u64 udp_idle = 60000000000ULL;

/*
 * UDP conversations.  Inserted and added to by the cgroup_skb hooks; read and
 * deleted by the UDP snapshot.
 */
struct
{
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct flow_udp_key);
	__type(value, struct flow_udp);
} udp SEC(".maps");

/* A datagram, or several in one buffer (segmentation offload). */
struct udp_packet
{
	struct flow_udp_key key;
	struct flow_tuple own; /* as the socket has it */
	struct packet packet;  /* as it is on the wire */
	bool egress;
	__u64 bytes; /* payload */
	__u64 packets;
	__u64 now;
};

/*
 * A socket without a peer of its own does not know what it called.  Incoming
 * packets have been translated back when they get here.
 */
static __always_inline void
udp_find_own(struct __sk_buff *skb, struct bpf_sock *sk, bool egress, struct udp_packet *packet)
{
	packet->own = packet->packet.tuple;
	if (egress && !sk->dst_port)
		conntrack_sent(skb, &packet->own);
	prefer_socket(sk, &packet->own);
}

/* False: nothing to count. */
static __always_inline bool
udp_parse(struct __sk_buff *skb, struct bpf_sock *sk, bool egress, struct udp_packet *packet)
{
	__u32 headers;

	if (!packet_parse(skb, IPPROTO_UDP, egress, &packet->packet))
		return false;
	udp_find_own(skb, sk, egress, packet);
	packet->key.cookie = bpf_get_socket_cookie(skb);
	packet->key.family = packet->own.family;
	packet->key.peer_port = packet->own.peer_port;
	__builtin_memcpy(packet->key.peer, packet->own.peer, sizeof(packet->key.peer));
	headers = packet->packet.header + UDP_HEADER_SIZE;
	packet->bytes = skb->len > headers ? skb->len - headers : 0;
	packet->packets = skb->gso_segs ? skb->gso_segs : 1;
	packet->now = bpf_ktime_get_boot_ns();
	return true;
}

/* Lock held. */
static __always_inline void
udp_add(struct flow_udp *entry, const struct udp_packet *packet)
{
	if (packet->egress)
	{
		entry->tx_bytes += packet->bytes;
		entry->tx_packets += packet->packets;
		entry->sent = packet->packet.tuple;
	}
	else
	{
		entry->rx_bytes += packet->bytes;
		entry->rx_packets += packet->packets;
	}
	entry->last_packet = packet->now;
}

/*
 * A socket whose port the kernel chose calls; else who sends first does.
 */
static __always_inline __u8
udp_role(struct sock *sk, bool egress)
{
	bool port_chosen = BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK;

	return egress || !port_chosen ? FLOW_EVENT_ROLE_CLIENT : FLOW_EVENT_ROLE_SERVER;
}

static __always_inline long
udp_insert(struct bpf_sock *bpf_sk, const struct udp_packet *packet)
{
	struct sock *sk = kernel_address(bpf_sk);
	struct flow_socket *state = bpf_sk_storage_get(&sockets, bpf_sk, NULL, 0);
	struct flow_udp entry = {};

	entry.role = udp_role(sk, packet->egress);
	entry.local_port = packet->own.local_port;
	entry.peer_port = packet->key.peer_port;
	entry.cookie = packet->key.cookie;
	entry.since = packet->now;
	entry.connections = 1;
	entry.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	__builtin_memcpy(entry.local, packet->own.local, sizeof(entry.local));
	if (state)
	{
		entry.process = state->process;
		__builtin_memcpy(entry.comm, state->comm, FLOW_COMM_SIZE);
	}
	udp_add(&entry, packet);
	return bpf_map_update_elem(&udp, &packet->key, &entry, BPF_NOEXIST);
}

static __always_inline bool
udp_add_to_entry(const struct udp_packet *packet)
{
	struct flow_udp *entry = bpf_map_lookup_elem(&udp, &packet->key);
	bool mine;

	if (!entry)
		return false;
	bpf_spin_lock(&entry->lock);
	mine = !entry->dead && entry->cookie == packet->key.cookie &&
		   entry->peer_port == packet->key.peer_port;
	if (mine)
		udp_add(entry, packet);
	bpf_spin_unlock(&entry->lock);
	return mine;
}

static __always_inline void
udp_lose(const struct udp_packet *packet)
{
	struct flow_lost *here = lost_here();

	if (!here)
		return;
	__sync_fetch_and_add(&here->udp_packets, packet->packets);
	__sync_fetch_and_add(packet->egress ? &here->tx_packets : &here->rx_packets, packet->packets);
	__sync_fetch_and_add(packet->egress ? &here->tx_bytes : &here->rx_bytes, packet->bytes);
}

static __always_inline void
udp_count(struct __sk_buff *skb, struct bpf_sock *sk, bool egress)
{
	struct udp_packet packet = {.egress = egress};

	if (!udp_parse(skb, sk, egress, &packet))
		return;
	for (int i = 0; i < UDP_ATTEMPTS; i++)
		if (udp_add_to_entry(&packet) || udp_insert(sk, &packet) == 0)
			return;
	udp_lose(&packet);
}

static __always_inline void
udp_describe(const struct flow_udp_key *key, const struct flow_udp *entry, struct flow_event *event)
{
	event->version = FLOW_EVENT_VERSION;
	event->size = sizeof(*event);
	event->kind = FLOW_EVENT_SNAPSHOT;
	event->protocol = IPPROTO_UDP;
	event->role = entry->role;
	event->family = key->family;
	event->end_ns = bpf_ktime_get_boot_ns();
	event->cookie = key->cookie;
	event->process = entry->process;
	event->netns = entry->netns;
	event->local_port = entry->local_port;
	event->peer_port = key->peer_port;
	__builtin_memcpy(event->local, entry->local, sizeof(event->local));
	__builtin_memcpy(event->peer, key->peer, sizeof(event->peer));
	__builtin_memcpy(event->comm, entry->comm, FLOW_COMM_SIZE);
}

/* The last packet as it was on the wire, where that differs from the entry.  Lock held. */
static __always_inline void
udp_put_translation(const struct flow_udp *entry, struct flow_event *event)
{
	struct flow_tuple own = {
		.family = event->family, .local_port = entry->local_port, .peer_port = entry->peer_port};

	__builtin_memcpy(own.local, event->local, sizeof(own.local));
	__builtin_memcpy(own.peer, event->peer, sizeof(own.peer));
	if (!tuples_equal(&own, &entry->sent))
		event->translated = entry->sent;
}

/* Move what was added since the last event into this one.  Lock held. */
static __always_inline void
udp_take(struct flow_udp *entry, struct flow_event *event)
{
	event->start_ns = entry->since < event->end_ns ? entry->since : event->end_ns;
	event->tx_bytes = entry->tx_bytes;
	event->rx_bytes = entry->rx_bytes;
	event->tx_packets = entry->tx_packets;
	event->rx_packets = entry->rx_packets;
	event->connections = entry->connections;
	udp_put_translation(entry, event);
	entry->tx_bytes = entry->rx_bytes = 0;
	entry->tx_packets = entry->rx_packets = 0;
	entry->connections = 0;
	entry->since = event->end_ns;
}

static __always_inline void
udp_publish(const struct flow_udp_key *key, struct flow_udp *entry)
{
	struct flow_event delta = {};
	struct flow_event *event;

	if (!entry->tx_packets && !entry->rx_packets)
		return;
	process_touch(&entry->process);
	event = event_reserve();
	if (!event)
		return;
	udp_describe(key, entry, &delta);
	bpf_spin_lock(&entry->lock);
	udp_take(entry, &delta);
	bpf_spin_unlock(&entry->lock);
	*event = delta;
	event_submit(event);
}

static __always_inline void
udp_forget(const struct flow_udp_key *key, struct flow_udp *entry)
{
	__u64 now = bpf_ktime_get_boot_ns();

	bpf_spin_lock(&entry->lock);
	if (now > entry->last_packet && now - entry->last_packet > udp_idle && !entry->tx_packets &&
		!entry->rx_packets)
		entry->dead = 1;
	bpf_spin_unlock(&entry->lock);
	if (entry->dead)
		bpf_map_delete_elem(&udp, key);
}

#endif /* TOPOLOGY_UDP_BPF_H */
