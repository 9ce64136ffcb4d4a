/*
 * census.bpf.h
 *		Connections that begin, that end, and that are there.
 *
 * A hook may miss an end: the kernel skips a program that interrupts itself, and may
 * have other reasons, which it does not count.  So both are counted, and the walk
 * over all sockets counts who is alive; the reader makes the balance.
 */
#ifndef TOPOLOGY_CENSUS_BPF_H
#define TOPOLOGY_CENSUS_BPF_H

/* From now on its end is expected.  Lock held; here: this CPU's counts, or NULL. */
static __always_inline void
census_begin(struct flow_socket *state, struct flow_lost *here)
{
	__u8 both = FLOW_SOCKET_ESTABLISHED | FLOW_SOCKET_CLOSED;
	bool first = (state->flags & both) != FLOW_SOCKET_ESTABLISHED;

	state->flags |= FLOW_SOCKET_ESTABLISHED;
	if (first && here)
		__sync_fetch_and_add(&here->begun, 1);
}

/* Counted before it is marked: who finds it alive need not find it counted.  Lock held. */
static __always_inline void
census_end(struct flow_socket *state, struct flow_lost *here)
{
	if ((state->flags & FLOW_SOCKET_ESTABLISHED) && here)
		__sync_fetch_and_add(&here->ended, 1);
	state->flags |= FLOW_SOCKET_CLOSED;
}

/* Of one reader's walk over all sockets: its number, and who is alive so far. */
static __u64 census_session;
static __u64 census_alive;

static __always_inline void
census_take(struct bpf_iter_meta *meta, const struct flow_socket *state)
{
	__u8 both = FLOW_SOCKET_ESTABLISHED | FLOW_SOCKET_CLOSED;

	if (meta->seq_num == 0)
	{
		census_session = meta->session_id;
		census_alive = 0;
	}
	else if (census_session != meta->session_id)
		census_session = 0;
	if (state && (state->flags & both) == FLOW_SOCKET_ESTABLISHED)
		census_alive++;
}

static __always_inline void
census_tell(struct bpf_iter_meta *meta)
{
	__u64 alive = census_session == meta->session_id ? census_alive : FLOW_ALIVE_UNKNOWN;

	bpf_seq_write(meta->seq, &alive, sizeof(alive));
}

#endif /* TOPOLOGY_CENSUS_BPF_H */
