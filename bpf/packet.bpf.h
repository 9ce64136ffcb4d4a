/*
 * packet.bpf.h
 *		Addresses, and those of a packet of TCP or UDP.
 */
#ifndef TOPOLOGY_PACKET_BPF_H
#define TOPOLOGY_PACKET_BPF_H

#define IPV6_EXTENSIONS 4

/* Of one packet, or of several in one buffer (segmentation offload). */
struct packet
{
	struct flow_tuple tuple; /* as seen from the local end */
	__u32 header;            /* where that of TCP or UDP begins */
};

/* Copy an IPv6 address; one that carries an IPv4 address becomes that.  Returns 4 or 6. */
static __always_inline __u8
copy_address(__u8 *to, const __u32 from[4])
{
	__u32 *words = (__u32 *) to;
	bool mapped = from[0] == 0 && from[1] == 0 && from[2] == bpf_htonl(0xffff);

	words[0] = mapped ? from[3] : from[0];
	words[1] = mapped ? 0 : from[1];
	words[2] = mapped ? 0 : from[2];
	words[3] = mapped ? 0 : from[3];
	return mapped ? 4 : 6;
}

static __always_inline void
copy_ipv4(__u8 *to, __u32 from)
{
	__u32 *words = (__u32 *) to;

	words[0] = from;
	words[1] = words[2] = words[3] = 0;
}

static __always_inline bool
tuples_equal(const struct flow_tuple *a, const struct flow_tuple *b)
{
	const __u64 *x = (const __u64 *) a, *y = (const __u64 *) b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3] && x[4] == y[4];
}

/* False: to many, or of another protocol. */
static __always_inline bool
packet_parse_ipv4(struct __sk_buff *skb, __u8 protocol, bool egress, struct packet *packet)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.protocol != protocol)
		return false;
	if ((bpf_ntohl(ip.daddr) >> 28) == 0xe || ip.daddr == 0xffffffff)
		return false;
	packet->header = ip.ihl * 4;
	packet->tuple.family = 4;
	copy_ipv4(packet->tuple.local, egress ? ip.saddr : ip.daddr);
	copy_ipv4(packet->tuple.peer, egress ? ip.daddr : ip.saddr);
	return true;
}

/* Step over extension headers, all of which begin with next header and length. */
static __always_inline bool
packet_skip_extensions(struct __sk_buff *skb, __u8 next, __u8 protocol, __u32 *header)
{
	__u8 extension[2];

	for (int i = 0; i < IPV6_EXTENSIONS && next != protocol; i++)
	{
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
			next != IPPROTO_FRAGMENT)
			return false;
		if (bpf_skb_load_bytes(skb, *header, extension, sizeof(extension)))
			return false;
		*header += next == IPPROTO_FRAGMENT ? 8 : (extension[1] + 1) * 8;
		next = extension[0];
	}
	return next == protocol;
}

static __always_inline bool
packet_parse_ipv6(struct __sk_buff *skb, __u8 protocol, bool egress, struct packet *packet)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.daddr.s6_addr[0] == 0xff)
		return false;
	packet->header = sizeof(ip);
	if (!packet_skip_extensions(skb, ip.nexthdr, protocol, &packet->header))
		return false;
	copy_address(packet->tuple.local, (__u32 *) (egress ? &ip.saddr : &ip.daddr));
	packet->tuple.family =
		copy_address(packet->tuple.peer, (__u32 *) (egress ? &ip.daddr : &ip.saddr));
	return true;
}

/* Read a packet's addresses.  False: not of this protocol, or to many. */
static __always_inline bool
packet_parse(struct __sk_buff *skb, __u8 protocol, bool egress, struct packet *packet)
{
	__be16 ports[2]; /* source, destination: where TCP and UDP both have them */
	bool parsed = false;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		parsed = packet_parse_ipv4(skb, protocol, egress, packet);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		parsed = packet_parse_ipv6(skb, protocol, egress, packet);
	if (!parsed || bpf_skb_load_bytes(skb, packet->header, ports, sizeof(ports)))
		return false;
	packet->tuple.local_port = bpf_ntohs(ports[egress ? 0 : 1]);
	packet->tuple.peer_port = bpf_ntohs(ports[egress ? 1 : 0]);
	return true;
}

#endif /* TOPOLOGY_PACKET_BPF_H */
