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
#define IPV6_EXTENSIONS    4

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
	__u8 local[16];
	__u16 local_port;
	bool egress;
	__u64 bytes; /* payload */
	__u64 packets;
	__u64 now;
};

static __always_inline bool
udp_parse_ipv4(struct __sk_buff *skb, struct udp_packet *packet, __u32 *header)
{
	struct iphdr ip;
	__u32 *local = (__u32 *) packet->local, *peer = (__u32 *) packet->key.peer;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.protocol != IPPROTO_UDP)
		return false;
	if ((bpf_ntohl(ip.daddr) >> 28) == 0xe || ip.daddr == 0xffffffff)
		return false;
	*header = ip.ihl * 4;
	packet->key.family = 4;
	*local = packet->egress ? ip.saddr : ip.daddr;
	*peer = packet->egress ? ip.daddr : ip.saddr;
	return true;
}

/* Step over extension headers, all of which begin with next header and length. */
static __always_inline bool
udp_find_ipv6(struct __sk_buff *skb, __u8 next, __u32 *header)
{
	__u8 extension[2];

	for (int i = 0; i < IPV6_EXTENSIONS && next != IPPROTO_UDP; i++)
	{
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
			next != IPPROTO_FRAGMENT)
			return false;
		if (bpf_skb_load_bytes(skb, *header, extension, sizeof(extension)))
			return false;
		*header += next == IPPROTO_FRAGMENT ? 8 : (extension[1] + 1) * 8;
		next = extension[0];
	}
	return next == IPPROTO_UDP;
}

static __always_inline bool
udp_parse_ipv6(struct __sk_buff *skb, struct udp_packet *packet, __u32 *header)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.daddr.s6_addr[0] == 0xff)
		return false;
	*header = sizeof(ip);
	if (!udp_find_ipv6(skb, ip.nexthdr, header))
		return false;
	copy_address(packet->local, (__u32 *) (packet->egress ? &ip.saddr : &ip.daddr));
	packet->key.family =
		copy_address(packet->key.peer, (__u32 *) (packet->egress ? &ip.daddr : &ip.saddr));
	return true;
}

/*
 * Where the socket itself has addresses they are better than the packet's,
 * which address translation may have changed already.
 */
static __always_inline void
udp_prefer_socket(struct bpf_sock *sk, struct udp_packet *packet)
{
	__u32 ip[4];

	if (sk->family == AF_INET)
	{
		if (sk->src_ip4)
			*(__u32 *) packet->local = sk->src_ip4;
		if (sk->dst_port)
			*(__u32 *) packet->key.peer = sk->dst_ip4;
	}
	else
	{
		ip[0] = sk->src_ip6[0];
		ip[1] = sk->src_ip6[1];
		ip[2] = sk->src_ip6[2];
		ip[3] = sk->src_ip6[3];
		if (ip[0] || ip[1] || ip[2] || ip[3])
			copy_address(packet->local, ip);
		if (sk->dst_port)
		{
			ip[0] = sk->dst_ip6[0];
			ip[1] = sk->dst_ip6[1];
			ip[2] = sk->dst_ip6[2];
			ip[3] = sk->dst_ip6[3];
			copy_address(packet->key.peer, ip);
		}
	}
	if (sk->dst_port)
		packet->key.peer_port = bpf_ntohs(sk->dst_port);
}

/* False: nothing to count. */
static __always_inline bool
udp_parse(struct __sk_buff *skb, struct bpf_sock *sk, struct udp_packet *packet)
{
	struct udphdr ports;
	__u32 header = 0;
	bool parsed = false;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		parsed = udp_parse_ipv4(skb, packet, &header);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		parsed = udp_parse_ipv6(skb, packet, &header);
	if (!parsed || bpf_skb_load_bytes(skb, header, &ports, sizeof(ports)))
		return false;
	packet->key.cookie = bpf_get_socket_cookie(skb);
	packet->key.peer_port = bpf_ntohs(packet->egress ? ports.dest : ports.source);
	packet->local_port = sk->src_port;
	udp_prefer_socket(sk, packet);
	packet->bytes = skb->len > header + UDP_HEADER_SIZE ? skb->len - header - UDP_HEADER_SIZE : 0;
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

/*
 * The socket as a plain address.  The verifier knows a bpf_sock by a few fields
 * only; read back from memory its address is a number like any other.
 */
static __always_inline struct sock *
kernel_socket(struct bpf_sock *bpf_sk)
{
	struct sock *sk = NULL;

	bpf_probe_read_kernel(&sk, sizeof(sk), &bpf_sk);
	return sk;
}

static __always_inline long
udp_insert(struct bpf_sock *bpf_sk, const struct udp_packet *packet)
{
	struct sock *sk = kernel_socket(bpf_sk);
	struct flow_socket *state = bpf_sk_storage_get(&sockets, bpf_sk, NULL, 0);
	struct flow_udp entry = {};

	entry.role = udp_role(sk, packet->egress);
	entry.local_port = packet->local_port;
	entry.peer_port = packet->key.peer_port;
	entry.cookie = packet->key.cookie;
	entry.since = packet->now;
	entry.connections = 1;
	entry.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	__builtin_memcpy(entry.local, packet->local, sizeof(entry.local));
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
udp_count(struct __sk_buff *skb, bool egress)
{
	struct udp_packet packet = {.egress = egress};
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return;
	sk = bpf_sk_fullsock(sk);
	if (!sk || sk->protocol != IPPROTO_UDP || !udp_parse(skb, sk, &packet))
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
