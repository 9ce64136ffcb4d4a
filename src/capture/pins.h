/*
 * pins.h
 *		The names under which topology-agent pins the capture, and where.
 *
 * PIN_EVENTS may be written by the group (the reader moves its position), the
 * other maps and the two snapshots may be read by it, the hooks are root's.
 */
#ifndef TOPOLOGY_PINS_H
#define TOPOLOGY_PINS_H

#define PIN_DEFAULT_DIR "/sys/fs/bpf/topology"

/* maps */
#define PIN_EVENTS  "events"
#define PIN_LOST    "lost"
#define PIN_PROCESS "process"
#define PIN_ABOUT   "about"

/* iterators: opening and reading one makes it write its events */
#define PIN_SNAPSHOT_TCP "snapshot_tcp"
#define PIN_SNAPSHOT_UDP "snapshot_udp"

/* a program, for the kernel's count of state changes that it skipped */
#define PIN_TCP_PROGRAM "tcp_program"

/* attached hooks */
#define PIN_TCP_STATE        "tcp_state"
#define PIN_TCP_CONNECT_IPV4 "tcp_connect_ipv4"
#define PIN_TCP_CONNECT_IPV6 "tcp_connect_ipv6"
#define PIN_EGRESS           "egress"
#define PIN_UDP_INGRESS      "udp_ingress"
#define PIN_UDP_SOCKET       "udp_socket"

/* instead of those of connect(), where there is no cgroup to attach to */
#define PIN_TCP_PROCESS "tcp_process"

/* the program for network namespaces that forward; root's */
#define PIN_FORWARD "forward"

/* its links, one for each namespace and family: this, the family, _, the inode number */
#define PIN_FORWARD_LINK "forward_ipv"

/* of version 1 */
#define PIN_UDP_EGRESS "udp_egress"

#define PIN_NAMES                                                                                  \
	{                                                                                              \
		PIN_ABOUT, PIN_TCP_PROCESS, PIN_TCP_CONNECT_IPV4, PIN_TCP_CONNECT_IPV6, PIN_TCP_STATE,     \
			PIN_TCP_PROGRAM, PIN_EGRESS, PIN_UDP_INGRESS, PIN_UDP_SOCKET, PIN_FORWARD,             \
			PIN_SNAPSHOT_TCP, PIN_SNAPSHOT_UDP, PIN_EVENTS, PIN_LOST, PIN_PROCESS, PIN_UDP_EGRESS  \
	}

#endif /* TOPOLOGY_PINS_H */
