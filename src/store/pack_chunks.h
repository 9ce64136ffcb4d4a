/*
 * pack_chunks.h
 *		Windows in order of source and target, as packs of a handy size.
 *
 * A pack is closed at about PACK_CHUNK_BYTES or PACK_CHUNK_WINDOWS, whichever comes
 * first: thin edges make packs of a thousand, edges with wide sketches smaller ones, so
 * that a look at one edge need not read much more than it.
 *
 * Nothing here knows PostgreSQL.
 */
#ifndef TOPOLOGY_STORE_PACK_CHUNKS_H
#define TOPOLOGY_STORE_PACK_CHUNKS_H

#include "store/pack.h"

#define PACK_CHUNK_BYTES   16384
#define PACK_CHUNK_WINDOWS 1000

/* What stands beside a pack: the least and the greatest source, and from when to when. */
typedef struct pack_bounds
{
	int64_t src;
	int64_t last_src;
	int64_t first_seen;
	int64_t last_seen;
} pack_bounds;

/* Takes a pack, which it must have written by pack_writer_finish().  False: no memory. */
typedef bool (*pack_sink)(void *context, pack_writer *writer, const pack_bounds *bounds);

typedef struct pack_chunks
{
	pack_writer *writer;
	pack_bounds bounds;
	pack_sink sink;
	void *context;
} pack_chunks;

/* For windows of a span of time.  False: no memory.  Here and below all memory is from the
 * allocator. */
extern bool pack_chunks_begin(pack_chunks *chunks, int64_t begin, int64_t length,
							  sketch_allocator allocator, pack_sink sink, void *context);

/* Add a window, as pack_writer_add() takes it.  False: no memory. */
extern bool pack_chunks_add(pack_chunks *chunks, const pack_window *window, const int64_t *via,
							const traffic_value *traffic);

/* Hand over what has not been.  False: no memory. */
extern bool pack_chunks_finish(pack_chunks *chunks);

extern void pack_chunks_free(pack_chunks *chunks);

#endif /* TOPOLOGY_STORE_PACK_CHUNKS_H */
