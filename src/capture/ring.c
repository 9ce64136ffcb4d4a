/*
 * ring.c
 *		The reader's side of a BPF ring buffer with deferred commit.
 *
 * The layout is the kernel's (kernel/bpf/ringbuf.c): one page with the
 * consumer's position, one with the producer's, then the data, mapped twice.
 * A record is an 8-byte header (length with two flag bits, page offset) and
 * its data, rounded up to 8 bytes.  Positions only grow; an offset is the
 * position modulo the size.
 */
#include "capture/ring.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

static uint32_t
record_length(uint32_t header)
{
	return header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
}

bool
ring_map(ring *ring, int map_fd, size_t size)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	void *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	void *producer;

	if (consumer == MAP_FAILED)
		return false;
	producer = mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, map_fd, (off_t) page);
	if (producer == MAP_FAILED)
	{
		munmap(consumer, page);
		return false;
	}
	ring->consumer = consumer;
	ring->producer = producer;
	ring->data = (const unsigned char *) producer + page;
	ring->size = size;
	ring->page = page;
	ring->read = ring_consumed(ring);
	return true;
}

void
ring_unmap(ring *ring)
{
	if (ring->consumer == NULL)
		return;
	munmap(ring->consumer, ring->page);
	munmap((void *) (uintptr_t) ring->producer, ring->page + 2 * ring->size);
	ring->consumer = NULL;
}

uint64_t
ring_consumed(const ring *ring)
{
	return __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
}

uint64_t
ring_produced(const ring *ring)
{
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
}

const void *
ring_next(ring *ring, uint32_t *length)
{
	uint64_t end = ring_produced(ring);

	while (ring->read < end)
	{
		const unsigned char *record = ring->data + (ring->read & (ring->size - 1));
		uint32_t header = __atomic_load_n((const uint32_t *) record, __ATOMIC_ACQUIRE);

		if (header & BPF_RINGBUF_BUSY_BIT)
			return NULL;
		*length = record_length(header);
		ring->read += (*length + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
		if (!(header & BPF_RINGBUF_DISCARD_BIT))
			return record + BPF_RINGBUF_HDR_SZ;
	}
	return NULL;
}

void
ring_commit(ring *ring, uint64_t position)
{
	__atomic_store_n(ring->consumer, position, __ATOMIC_RELEASE);
}
