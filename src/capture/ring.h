/*
 * ring.h
 *		The reader's side of a BPF ring buffer with deferred commit.
 *
 * libbpf's reader frees each record as soon as its callback returns.  This one
 * keeps a position of its own and moves the shared one only when told.
 */
#ifndef TOPOLOGY_RING_H
#define TOPOLOGY_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ring
{
	uint64_t *consumer;        /* shared, ours to write; NULL: not mapped */
	const uint64_t *producer;  /* shared, the kernel's */
	const unsigned char *data; /* mapped twice in a row, so that no record wraps */
	size_t size;
	size_t page;
	uint64_t read; /* our position */
} ring;

/* Map a ring of size bytes.  False with errno set; *ring then needs no unmapping. */
extern bool ring_map(ring *ring, int map_fd, size_t size);
extern void ring_unmap(ring *ring);

/* The next record's data, or NULL for none.  Discarded records are stepped over. */
extern const void *ring_next(ring *ring, uint32_t *length);

/* Positions as the kernel knows them. */
extern uint64_t ring_consumed(const ring *ring);
extern uint64_t ring_produced(const ring *ring);

/* Free everything before position. */
extern void ring_commit(ring *ring, uint64_t position);

#endif /* TOPOLOGY_RING_H */
