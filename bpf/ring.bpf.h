/*
 * ring.bpf.h
 *		The ring of events and the count of what it could not take.
 */
#ifndef TOPOLOGY_RING_BPF_H
#define TOPOLOGY_RING_BPF_H

#define RING_DEFAULT_SIZE (16 * 1024 * 1024)
#define WAKEUP_INTERVAL   10000000ULL /* 10 ms */

/* Bytes in the ring that wake the reader; a quarter of it. */
const volatile __u64 wakeup_fill = RING_DEFAULT_SIZE / 4;

/* When the reader was woken last; a race only wakes it once more. */
static __u64 last_wakeup;

/*
 * Events.  Inserted by the TCP close hook and both iterators; read by the one
 * worker, which frees them by moving the consumer's position after its commit.
 */
struct
{
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_DEFAULT_SIZE);
} events SEC(".maps");

/* Losses.  One entry, made with the map, added to by all hooks, read by the worker. */
struct
{
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_lost);
} lost SEC(".maps");

/* Written once by pin, read by the worker before it trusts the other pins. */
struct
{
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_about);
} about SEC(".maps");

/* This CPU's losses; a softirq may interrupt an addition, so add atomically. */
static __always_inline struct flow_lost *
lost_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&lost, &zero);
}

static __always_inline void
lose_socket(void)
{
	struct flow_lost *here = lost_here();

	if (here)
		__sync_fetch_and_add(&here->untracked, 1);
}

static __always_inline struct flow_event *
event_reserve(void)
{
	return bpf_ringbuf_reserve(&events, sizeof(struct flow_event), 0);
}

/* The reader sleeps until its own timer, or until the ring fills up. */
static __always_inline void
event_submit(struct flow_event *event)
{
	__u64 now = event->end_ns;
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >= wakeup_fill &&
		now - last_wakeup > WAKEUP_INTERVAL)
	{
		last_wakeup = now;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(event, flags);
}

#endif /* TOPOLOGY_RING_BPF_H */
