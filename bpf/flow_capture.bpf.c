/*
 * flow_capture.bpf.c
 *		The hooks that turn the host's sockets into flow events.
 *
 * One tracepoint sees every TCP state change and tells of connections that
 * end; two iterators, read by the worker, tell of what lives; the cgroup hooks
 * count datagrams and look at the addresses that packets leave with; a program
 * of netfilter looks at what the host forwards.  None of them is of the
 * trampoline kind (fentry, lsm) or a kprobe, which not every kernel has.  Needs
 * Linux 5.19 with BTF; 6.4 for what is forwarded.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "bpf/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/flow_event.h"

#define AF_INET   2
#define AF_INET6  10
#define NF_ACCEPT 1

#include "bpf/packet.bpf.h"
#include "bpf/ring.bpf.h"
#include "bpf/process.bpf.h"
#include "bpf/census.bpf.h"
#include "bpf/tcp.bpf.h"
#include "bpf/translation.bpf.h"
#include "bpf/udp.bpf.h"
#include "bpf/bootstrap.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * connect(), in its caller's context.  Not the tracepoint's: its program is
 * skipped when it interrupts itself on a CPU, and this takes long, with
 * interrupts on; and one more program there costs as much at every change.
 */
static __always_inline int
connecting(struct bpf_sock_addr *address)
{
	struct bpf_sock *sk = address->sk;
	struct tcp_sock *tcp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;

	if (tcp)
		tcp_connecting(sk, tcp);
	return 1;
}

SEC("cgroup/connect4")
int
tcp_connect_ipv4(struct bpf_sock_addr *address)
{
	return connecting(address);
}

SEC("cgroup/connect6")
int
tcp_connect_ipv6(struct bpf_sock_addr *address)
{
	return connecting(address);
}

/* connect() and listen() where there is no cgroup to attach to. */
SEC("tp_btf/inet_sock_set_state")
int
BPF_PROG(tcp_process, struct sock *sk, int oldstate, int newstate)
{
	struct tcp_sock *tcp;

	if (newstate != TCP_SYN_SENT && newstate != TCP_LISTEN)
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 0;
	if (newstate == TCP_SYN_SENT)
		tcp_connecting(sk, tcp);
	else
		tcp_listening(sk);
	return 0;
}

/*
 * What packets cause, mostly in softirq, which does not interrupt itself, and
 * the rare listen().  The kernel counts the changes skipped while a close() or a
 * listen() was interrupted here; the reader reports that count as lost.
 */
SEC("tp_btf/inet_sock_set_state")
int
BPF_PROG(tcp_state, struct sock *sk, int oldstate, int newstate)
{
	struct tcp_sock *tcp;

	if (newstate != TCP_ESTABLISHED && newstate != TCP_CLOSE && newstate != TCP_LISTEN)
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 0;
	if (newstate == TCP_ESTABLISHED)
		tcp_established(sk, oldstate);
	else if (newstate == TCP_CLOSE)
		tcp_closed(sk, tcp, oldstate);
	else if (cgroup_hooks)
		tcp_listening(sk);
	return 0;
}

SEC("iter/bpf_sk_storage_map")
int
snapshot_tcp(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct flow_socket *state;
	struct tcp_sock *tcp;
	int seen;

	census_take(ctx->meta, ctx->value);
	if (!sk)
		census_tell(ctx->meta);
	if (!sk || !ctx->value)
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 0;
	seen = sk->__sk_common.skc_state;
	if (!tcp_is_synchronized(seen))
		return 0;
	state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	if (state && state->role != FLOW_EVENT_ROLE_UNKNOWN && !(state->flags & FLOW_SOCKET_CLOSED))
		tcp_snapshot(tcp, state, seen);
	return 0;
}

SEC("iter/bpf_map_elem")
int
snapshot_udp(struct bpf_iter__bpf_map_elem *ctx)
{
	struct flow_udp_key *current = ctx->key;
	struct flow_udp_key key;
	struct flow_udp *entry;

	if (!current)
		return 0;
	key = *current;
	entry = bpf_map_lookup_elem(&udp, &key);
	if (!entry)
		return 0;
	udp_publish(&key, entry);
	udp_forget(&key, entry);
	return 0;
}

/* Whether datagrams are counted, in the hook that is there for TCP too. */
const volatile bool count_udp = true;

SEC("cgroup_skb/egress")
int
egress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return 1;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 1;
	if (sk->protocol == IPPROTO_TCP)
		tcp_look(skb, sk);
	else if (count_udp && sk->protocol == IPPROTO_UDP)
		udp_count(skb, sk, true);
	return 1;
}

SEC("cgroup_skb/ingress")
int
udp_ingress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return 1;
	sk = bpf_sk_fullsock(sk);
	if (sk && sk->protocol == IPPROTO_UDP)
		udp_count(skb, sk, false);
	return 1;
}

/* At the end of the way of packets that this host sends, or sends on. */
SEC("netfilter")
int
forward(struct bpf_nf_ctx *ctx)
{
	forward_look(ctx->skb, ctx->state);
	return NF_ACCEPT;
}

SEC("cgroup/sock_create")
int
udp_socket(struct bpf_sock *sk)
{
	struct flow_socket *state;

	if (sk->protocol != IPPROTO_UDP)
		return 1;
	state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (state)
		process_identify(bpf_get_current_task_btf(), true, &state->process, state->comm);
	return 1;
}

SEC("iter/task_file")
int
bootstrap(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct tcp_sock *tcp;
	struct socket *socket;
	struct sock *sk;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6))
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (tcp)
		bootstrap_tcp(task, sk, tcp);
	else if (sk->sk_protocol == IPPROTO_UDP)
		bootstrap_storage(task, sk);
	return 0;
}
