/*
 * flow_event.h
 *		What the kernel side and the user side of the capture share: the event in
 *		the ring buffer and the values of the maps.
 *
 * Every event is a delta of one connection: what happened since its last
 * event.  Nothing in the ring is cumulative, so a reader adds up what it reads
 * and needs no memory of connections.  Raise FLOW_EVENT_VERSION whenever a
 * struct below changes: a reader refuses pins and events of another version.
 *
 * A host that forwards tells of each connection to which it gives other
 * addresses: one event, with the role of a forwarder, of which local is the
 * client and peer what the client called.
 *
 * Times are nanoseconds of CLOCK_BOOTTIME, ports are in host order, and an
 * IPv4 address, mapped into IPv6 or not, fills the first four bytes.
 */
#ifndef TOPOLOGY_FLOW_EVENT_H
#define TOPOLOGY_FLOW_EVENT_H

#include <linux/types.h>
#include <linux/bpf.h>

#define FLOW_EVENT_VERSION 3

#define FLOW_COMM_SIZE       16
#define FLOW_CGROUP_SIZE     128
#define FLOW_SERVICE_SIZE    128
#define FLOW_ATTRIBUTES_SIZE 512

/* Why an event was written. */
enum flow_event_kind
{
	FLOW_EVENT_SNAPSHOT = 1, /* the connection lives: counters moved, or a heartbeat */
	FLOW_EVENT_CLOSE = 2,    /* its last event */
	FLOW_EVENT_FORWARD = 3   /* a connection of others begins, and is translated here */
};

/* The local side's role; the same numbers as flow_role. */
enum flow_event_role
{
	FLOW_EVENT_ROLE_UNKNOWN = 0,
	FLOW_EVENT_ROLE_CLIENT = 1,
	FLOW_EVENT_ROLE_SERVER = 2,
	FLOW_EVENT_ROLE_FORWARDER = 3
};

/* Both ends of a connection, as seen from the local one; a family of 0: none. */
struct flow_tuple
{
	__u8 local[16];
	__u8 peer[16];
	__u16 local_port;
	__u16 peer_port;
	__u8 family; /* 4 or 6 */
	__u8 reserved[3];
};

/*
 * A process, unambiguous until reboot: process ids return, but not with the
 * same time of start.  tgid 0: not known.
 */
struct flow_process_key
{
	__u32 tgid;
	__u32 reserved;
	__u64 start_boottime;
};

struct flow_event
{
	__u16 version; /* FLOW_EVENT_VERSION */
	__u16 size;    /* sizeof(struct flow_event) */
	__u8 kind;     /* flow_event_kind */
	__u8 protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 role;     /* flow_event_role */
	__u8 family;   /* 4 or 6 */
	__u64 start_ns;
	__u64 end_ns;
	__u64 cookie; /* of the socket */
	struct flow_process_key process;
	__u32 netns; /* inode number of the socket's network namespace */
	__u16 local_port;
	__u16 peer_port;
	__u8 local[16];
	__u8 peer[16];
	__u64 tx_bytes; /* payload, each byte once */
	__u64 rx_bytes;
	__u64 tx_packets;
	__u64 rx_packets;
	__u32 retransmits;
	__u32 rtt_us; /* smoothed round trip, 0: none */
	__u32 connections;
	__u32 failed;
	struct flow_tuple translated; /* as it is on the wire, where address translation changed it */
	char comm[FLOW_COMM_SIZE];
};

/* What was already told of a TCP socket, in the kernel's own counters. */
struct flow_reported
{
	__u64 tx_bytes;
	__u64 rx_bytes;
	__u32 tx_packets;
	__u32 rx_packets;
	__u32 retransmits;
	__u32 reserved;
};

/* flow_socket.flags */
#define FLOW_SOCKET_LISTENER    (1 << 0)
#define FLOW_SOCKET_ESTABLISHED (1 << 1)
#define FLOW_SOCKET_COUNTED     (1 << 2) /* its connection has been told */
#define FLOW_SOCKET_CLOSED      (1 << 3)

/* Whether a socket's connection is translated: flow_socket.translation. */
enum flow_translation
{
	FLOW_TRANSLATION_UNKNOWN = 0, /* no packet of it was looked at */
	FLOW_TRANSLATION_NONE = 1,
	FLOW_TRANSLATION_KNOWN = 2
};

/* Storage of a socket; flags, times and counters change under lock. */
struct flow_socket
{
	struct bpf_spin_lock lock;
	__u8 role;
	__u8 flags;
	__u8 translation; /* flow_translation */
	__u8 reserved;
	struct flow_process_key process;
	__u64 since;      /* where the next delta begins */
	__u64 last_event; /* when the last one was written; 0: none yet */
	struct flow_reported reported;
	char comm[FLOW_COMM_SIZE];
};

/* One UDP conversation. */
struct flow_udp_key
{
	__u64 cookie;
	__u8 peer[16];
	__u16 peer_port;
	__u16 family; /* 4 or 6 */
	__u32 reserved;
};

/* What it carried since its last event; all that follows lock changes under it. */
struct flow_udp
{
	struct bpf_spin_lock lock;
	__u8 role;
	__u8 dead; /* about to be deleted: add nothing more */
	__u16 local_port;
	__u64 cookie; /* the key's, against memory that was reused */
	__u64 since;
	__u64 last_packet;
	__u64 tx_bytes;
	__u64 rx_bytes;
	__u64 tx_packets;
	__u64 rx_packets;
	struct flow_process_key process;
	__u8 local[16];
	__u16 peer_port;
	__u16 reserved;
	__u32 connections;
	__u32 netns;
	__u32 reserved_too;
	struct flow_tuple sent; /* the last packet's, on the wire; none: family 0 */
	char comm[FLOW_COMM_SIZE];
};

/*
 * A process as seen from inside the kernel.  Of its environment only these two
 * values ever leave the process.
 */
struct flow_process
{
	__u64 exec_id;   /* tells programs apart that one process ran in turn */
	__u64 cgroup_id; /* of the cgroup v2 directory; 1: the root */
	__u32 netns;
	__u8 ready;             /* all fields are filled in */
	__u8 environment_known; /* the environment could be read */
	__u8 reserved[2];
	char comm[FLOW_COMM_SIZE];
	char cgroup[FLOW_CGROUP_SIZE]; /* last part of the cgroup's path */
	char cgroup_parent[FLOW_CGROUP_SIZE];
	char service_name[FLOW_SERVICE_SIZE];           /* OTEL_SERVICE_NAME */
	char resource_attributes[FLOW_ATTRIBUTES_SIZE]; /* OTEL_RESOURCE_ATTRIBUTES */
};

/*
 * What never reached the ring, per CPU; and how many connections were seen to
 * begin and to end.  Of those that began, which are neither over nor still there
 * the end was missed: see FLOW_ALIVE_UNKNOWN.
 */
struct flow_lost
{
	__u64 events;      /* the ring was full */
	__u64 connections; /* of those events that tell of sockets, and what follows too */
	__u64 failed;
	__u64 tx_bytes;
	__u64 rx_bytes;
	__u64 tx_packets;
	__u64 rx_packets;
	__u64 untracked;   /* sockets without storage; the reader adds state changes skipped */
	__u64 udp_packets; /* the table of UDP conversations was full; in the sums above too */
	__u64 begun;       /* connections established */
	__u64 ended;       /* of those */
};

/*
 * The TCP snapshot writes to its reader how many connections, that were seen to
 * begin and not to end, it came by, as a __u64; or this, when another reader came
 * in between.
 */
#define FLOW_ALIVE_UNKNOWN (~0ULL)

/* The one entry of the map "about": what a reader must know of the pins. */
struct flow_about
{
	__u32 version; /* FLOW_EVENT_VERSION of the programs */
	__u32 event_size;
	__u32 udp;      /* 1: UDP is captured */
	__u32 complete; /* 1: pin ended well */
};

#endif /* TOPOLOGY_FLOW_EVENT_H */
