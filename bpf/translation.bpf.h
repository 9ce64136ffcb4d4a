/*
 * translation.bpf.h
 *		Address translation: what a connection looks like on the wire.
 *
 * Two ways, for two places.  In a socket's own network namespace a packet
 * reaches the egress hook translated, while its socket still has the tuple from
 * before: one look at the first packet of each connection tells both, by
 * whatever means it was translated.  A host that forwards has no socket: there a
 * netfilter program, behind source NAT and before the connection is confirmed,
 * sees the first packet of each new one, whose conntrack entry holds both.
 */
#ifndef TOPOLOGY_TRANSLATION_BPF_H
#define TOPOLOGY_TRANSLATION_BPF_H

/* Of the kernel's conntrack. */
#define CONNTRACK_INFO_MASK 7UL
#define CONNTRACK_IS_REPLY  3
#define CONNTRACK_CONFIRMED (1UL << 3)
#define CONNTRACK_NAT       (3UL << 4)

/* The tuple of a conntrack entry's direction: of packets from local to peer. */
static __always_inline void
conntrack_tuple(struct nf_conn *connection, bool reply, struct flow_tuple *tuple)
{
	struct nf_conntrack_tuple *from =
		reply ? &connection->tuplehash[1].tuple : &connection->tuplehash[0].tuple;
	__u32 address[4];

	BPF_CORE_READ_INTO(&address, from, src.u3.all);
	copy_address(tuple->local, address);
	BPF_CORE_READ_INTO(&address, from, dst.u3.all);
	copy_address(tuple->peer, address);
	tuple->family = BPF_CORE_READ(from, src.l3num) == AF_INET ? 4 : 6;
	tuple->local_port = bpf_ntohs(BPF_CORE_READ(from, src.u.all));
	tuple->peer_port = bpf_ntohs(BPF_CORE_READ(from, dst.u.all));
}

/*
 * A pointer that the verifier knows by a few fields only, as the number that
 * any kernel address is: read back from memory it is that.
 */
static __always_inline void *
kernel_address(void *known)
{
	void *address = NULL;

	bpf_probe_read_kernel(&address, sizeof(address), &known);
	return address;
}

/*
 * The tuple with which a packet left its socket, if it has been translated and
 * conntrack knows it.  For sockets that do not know their peer themselves.
 */
static __always_inline bool
conntrack_sent(struct __sk_buff *skb, struct flow_tuple *tuple)
{
	struct sk_buff *buffer = kernel_address(skb);
	unsigned long tracked;
	struct nf_conn *connection;

	/* where conntrack is a module, and not there */
	if (!bpf_core_type_exists(struct nf_conn) || !bpf_core_field_exists(buffer->_nfct))
		return false;
	tracked = BPF_CORE_READ(buffer, _nfct);
	connection = (struct nf_conn *) (tracked & ~CONNTRACK_INFO_MASK);
	if (!connection || !(BPF_CORE_READ(connection, status) & CONNTRACK_NAT))
		return false;
	conntrack_tuple(connection, (tracked & CONNTRACK_INFO_MASK) >= CONNTRACK_IS_REPLY, tuple);
	return true;
}

/* Put what the socket itself knows of its ends in place of what a packet says. */
static __always_inline void
prefer_socket(struct bpf_sock *sk, struct flow_tuple *tuple)
{
	__u32 ip[4];

	if (sk->family == AF_INET)
	{
		if (sk->src_ip4)
			*(__u32 *) tuple->local = sk->src_ip4;
		if (sk->dst_port)
			*(__u32 *) tuple->peer = sk->dst_ip4;
	}
	else
	{
		ip[0] = sk->src_ip6[0];
		ip[1] = sk->src_ip6[1];
		ip[2] = sk->src_ip6[2];
		ip[3] = sk->src_ip6[3];
		if (ip[0] || ip[1] || ip[2] || ip[3])
			copy_address(tuple->local, ip);
		if (sk->dst_port)
		{
			ip[0] = sk->dst_ip6[0];
			ip[1] = sk->dst_ip6[1];
			ip[2] = sk->dst_ip6[2];
			ip[3] = sk->dst_ip6[3];
			copy_address(tuple->peer, ip);
		}
	}
	tuple->local_port = sk->src_port;
	if (sk->dst_port)
		tuple->peer_port = bpf_ntohs(sk->dst_port);
}

/* Whether a packet bears what its socket has, told at a glance; false: perhaps. */
static __always_inline bool
sent_as_is(struct __sk_buff *skb, struct bpf_sock *sk)
{
	void *end = (void *) (long) skb->data_end;
	struct iphdr *ip = (void *) (long) skb->data;
	__be16 *ports = (__be16 *) (ip + 1);

	if (sk->family != AF_INET || (void *) (ports + 2) > end || ip->version != 4 || ip->ihl != 5)
		return false;
	return ip->saddr == sk->src_ip4 && ip->daddr == sk->dst_ip4 &&
		   ports[0] == bpf_htons(sk->src_port) && ports[1] == sk->dst_port;
}

/*
 * Look at a packet that a TCP socket sends, once for each connection.  What a
 * listener sends (the answer to a SYN) is of connections that have no socket yet.
 */
static __always_inline void
tcp_look(struct __sk_buff *skb, struct bpf_sock *sk)
{
	struct packet packet = {};
	struct flow_socket *state;
	struct flow_tuple own;

	if (sk->state == TCP_LISTEN)
		return;
	state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	if (!state || state->translation != FLOW_TRANSLATION_UNKNOWN)
		return;
	if (sent_as_is(skb, sk))
	{
		state->translation = FLOW_TRANSLATION_NONE;
		return;
	}
	if (!packet_parse(skb, IPPROTO_TCP, true, &packet))
		return;
	own = packet.tuple;
	prefer_socket(sk, &own);
	if (tuples_equal(&own, &packet.tuple))
		state->translation = FLOW_TRANSLATION_NONE;
	else if (bpf_sk_storage_get(&translations, sk, &packet.tuple, BPF_SK_STORAGE_GET_F_CREATE))
		state->translation = FLOW_TRANSLATION_KNOWN;
}

static __always_inline void
forward_tell(const struct flow_tuple *before, const struct flow_tuple *after, __u8 protocol,
			 __u32 netns)
{
	struct flow_event *event = event_reserve();
	struct flow_lost *here;

	if (!event)
	{
		here = lost_here();
		if (here)
			__sync_fetch_and_add(&here->events, 1);
		return;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->version = FLOW_EVENT_VERSION;
	event->size = sizeof(*event);
	event->kind = FLOW_EVENT_FORWARD;
	event->protocol = protocol;
	event->role = FLOW_EVENT_ROLE_FORWARDER;
	event->family = before->family;
	event->start_ns = event->end_ns = bpf_ktime_get_boot_ns();
	event->netns = netns;
	event->local_port = before->local_port;
	event->peer_port = before->peer_port;
	__builtin_memcpy(event->local, before->local, sizeof(event->local));
	__builtin_memcpy(event->peer, before->peer, sizeof(event->peer));
	event->translated = *after;
	event->connections = 1;
	event_submit(event);
}

/* In more than the client's port, which conntrack changes where it is taken. */
static __always_inline bool
forward_translates(const struct flow_tuple *before, const struct flow_tuple *after)
{
	struct flow_tuple kept = *after;

	kept.local_port = before->local_port;
	return !tuples_equal(before, &kept);
}

/*
 * The first packet of a connection of others: it is not confirmed yet, which it
 * will be right after us.  What a socket here sent, that socket's events tell.
 */
static __always_inline void
forward_look(struct sk_buff *skb, const struct nf_hook_state *hook)
{
	unsigned long tracked = skb->_nfct;
	struct nf_conn *connection = (struct nf_conn *) (tracked & ~CONNTRACK_INFO_MASK);
	struct flow_tuple before = {}, back = {}, after = {};
	__u8 protocol;

	if (!connection || hook->sk || BPF_CORE_READ(connection, status) & CONNTRACK_CONFIRMED)
		return;
	protocol = BPF_CORE_READ(connection, tuplehash[0].tuple.dst.protonum);
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return;
	conntrack_tuple(connection, false, &before);
	conntrack_tuple(connection, true, &back);
	after.family = back.family;
	after.local_port = back.peer_port;
	after.peer_port = back.local_port;
	__builtin_memcpy(after.local, back.peer, sizeof(after.local));
	__builtin_memcpy(after.peer, back.local, sizeof(after.peer));
	if (forward_translates(&before, &after))
		forward_tell(&before, &after, protocol, hook->net->ns.inum);
}

#endif /* TOPOLOGY_TRANSLATION_BPF_H */
