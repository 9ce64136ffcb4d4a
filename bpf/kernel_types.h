/*
 * kernel_types.h
 *		The few fields of kernel structs that the capture reads.
 *
 * Layouts are not those of any kernel: each access is relocated at load
 * against the running kernel's BTF (CO-RE), which finds a field by its name,
 * inside anonymous members too.
 */
#ifndef TOPOLOGY_KERNEL_TYPES_H
#define TOPOLOGY_KERNEL_TYPES_H

#include <linux/in6.h>
#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common
{
	unsigned int inum;
};

struct net
{
	struct ns_common ns;
};

typedef struct
{
	struct net *net;
} possible_net_t;

struct sock_common
{
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	unsigned long skc_flags;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

/* Only its address and first word are used. */
typedef struct spinlock
{
} spinlock_t;

typedef struct
{
	spinlock_t slock;
	int owned;
} socket_lock_t;

struct sock
{
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	__u8 sk_userlocks : 4;
	__u16 sk_protocol;
};

struct inet_sock
{
	struct sock sk;
	__be16 inet_sport;
};

struct inet_connection_sock
{
	struct inet_sock icsk_inet;
};

struct tcp_sock
{
	struct inet_connection_sock inet_conn;
	__u64 bytes_sent;
	__u64 bytes_retrans;
	__u64 bytes_received;
	__u32 segs_out;
	__u32 segs_in;
	__u32 total_retrans;
	__u32 srtt_us;
};

struct socket
{
	struct sock *sk;
};

union nf_inet_addr
{
	__u32 all[4];
};

union nf_conntrack_man_proto
{
	__be16 all;
};

struct nf_conntrack_man
{
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
	__u16 l3num;
};

struct nf_conntrack_tuple
{
	struct nf_conntrack_man src;
	struct
	{
		union nf_inet_addr u3;
		union
		{
			__be16 all;
		} u;
		__u8 protonum;
	} dst;
};

struct nf_conntrack_tuple_hash
{
	struct nf_conntrack_tuple tuple;
};

struct nf_conn
{
	struct nf_conntrack_tuple_hash tuplehash[2];
	unsigned long status;
};

struct sk_buff
{
	unsigned long _nfct;
};

struct nf_hook_state
{
	struct sock *sk;
	struct net *net;
};

struct bpf_nf_ctx
{
	const struct nf_hook_state *state;
	struct sk_buff *skb;
};

struct file;

/* parent became __parent in 6.15. */
struct kernfs_node
{
	struct kernfs_node *parent;
	struct kernfs_node *__parent;
	const char *name;
	__u64 id;
};

struct cgroup
{
	struct kernfs_node *kn;
};

struct css_set
{
	struct cgroup *dfl_cgrp;
};

struct mm_struct
{
	unsigned long env_start;
	unsigned long env_end;
};

struct nsproxy
{
	struct net *net_ns;
};

struct task_struct
{
	int tgid;
	__u64 start_boottime;
	__u64 self_exec_id;
	char comm[16];
	struct task_struct *group_leader;
	struct mm_struct *mm;
	struct css_set *cgroups;
	struct nsproxy *nsproxy;
};

struct bpf_map;
struct seq_file;

struct bpf_iter_meta
{
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};

struct bpf_iter__bpf_sk_storage_map
{
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
};

struct bpf_iter__bpf_map_elem
{
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

struct bpf_iter__task_file
{
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#endif /* TOPOLOGY_KERNEL_TYPES_H */
