/*
 * ring_writer.bpf.c
 *		Writes a packet's bytes into a ring, as they are.
 *
 * Only the kernel can write a ring buffer.  Tests load this with the pinned ring
 * of a capture and run it by BPF_PROG_TEST_RUN, to see what a reader makes of
 * events that the capture would never write.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define LARGEST 256

struct
{
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps");

SEC("tc")
int
write_ring(struct __sk_buff *packet)
{
	char bytes[LARGEST] = {};
	__u32 length = packet->len;

	if (length == 0 || length > LARGEST)
		return -1;
	if (bpf_skb_load_bytes(packet, 0, bytes, length) != 0)
		return -1;
	return (int) bpf_ringbuf_output(&events, bytes, length, BPF_RB_NO_WAKEUP);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
