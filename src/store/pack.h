/*
 * pack.h
 *		Windows of many edges in one value: how settled windows are kept.
 *
 * A pack holds windows of edges that lie in one span of time (a minute, an hour, a
 * day), ordered by source and target.  Of each only what differs from the one before,
 * or from what is to be expected, is written.
 *
 * The bytes, version 1.  A varint is base 128, lowest seven bits first; differences
 * are modulo 2^64, so that any 64 bits come through; signed ones are zigzag.
 *		byte		version
 *		varint		number of windows
 *		varint		begin of the span (signed), its length: both microseconds
 *		windows		to the end
 * A window:
 *		byte		its shape: 0, and the shape follows; else the number of one that
 *					came before.  The first PACK_SHAPES get numbers, 1 and up
 *		varint		source, as a difference from the window before
 *		varint		target: of the same source, as a difference
 *		varint		endpoint, as a signed difference, where the shape has one
 *		varint		first seen, after the begin
 *		varint		last seen: before the end, or after first seen, as the shape says
 *		varints		the counters and the zero bucket that the shape has
 *		varint		length of the latency buckets, and these as in traffic_value.h,
 *					where the shape has them
 * A shape:
 *		varint		bit i says that counter i is there, and so on: pack_bits.h has them
 *		varint		type of the edge (signed)
 *		4 bytes		confidence, and 4 of that of the apps, where it is another
 *		varint		number of intermediaries, and these (signed), where it has a way
 *
 * Windows of one map have few shapes, so that an edge of the network takes about 25
 * bytes: 2 or 3 for its ends, 8 for its times, the rest for its counters.  Latencies
 * take 2 bytes a bucket.
 *
 * Reading trusts nothing: any bytes may be given.  Nothing here knows PostgreSQL.
 */
#ifndef TOPOLOGY_STORE_PACK_H
#define TOPOLOGY_STORE_PACK_H

#include "store/traffic_value.h"

#define PACK_VERSION 1

/* How many shapes have a number. */
#define PACK_SHAPES 127

/* Shapes that have no number. */
#define PACK_NO_SHAPE (-1)

/*
 * A window of an edge.  via, which may be written only, is in memory of who writes;
 * what is read has its way in encoded form, see pack_read_via().
 */
typedef struct pack_window
{
	int64_t src;
	int64_t dst;
	int64_t endpoint; /* 0 where there is none */
	int64_t first_seen;
	int64_t last_seen; /* both microseconds, of any era */
	int32_t type;
	int32_t via_count; /* -1: no way at all */
	float confidence;
	float app_confidence; /* the same, where none of its own is known */
	bool has_endpoint;
} pack_window;

typedef struct pack_writer pack_writer;

/* A writer for windows of a span of time; NULL: no memory.  All memory is from the allocator. */
extern pack_writer *pack_writer_make(int64_t begin, int64_t length, sketch_allocator allocator);

extern void pack_writer_free(pack_writer *writer);

/*
 * Add a window, not before the ones that were added in order of source, then target.
 * via has via_count nodes.  False: no memory, the writer is of no use any more.
 */
extern bool pack_writer_add(pack_writer *writer, const pack_window *window, const int64_t *via,
							const traffic_value *traffic);

extern uint32_t pack_writer_count(const pack_writer *writer);

/* An upper bound of the bytes that pack_writer_finish() will write. */
extern size_t pack_writer_size(const pack_writer *writer);

/* Write the pack to out, which has room for that; returns its bytes.  The writer is empty again. */
extern size_t pack_writer_finish(pack_writer *writer, uint8_t *out);

/* What windows have in common. */
typedef struct pack_shape
{
	uint32_t bits;
	int32_t type;
	int32_t via_count;
	int numbers; /* of a window behind its ends and its endpoint, but for buckets */
	float confidence;
	float app_confidence;
	const uint8_t *via; /* encoded */
} pack_shape;

/*
 * Where reading stands.  Members are for you to read after pack_reader_next() said
 * true: window and counters; buckets, which are checked by traffic_value_decode_buckets()
 * only; and shape_number, by which windows of one shape may be told, or PACK_NO_SHAPE.
 * All points into the bytes.
 */
typedef struct pack_reader
{
	pack_window window;
	int64_t counters[TRAFFIC_COUNTERS];
	int64_t zero;
	const uint8_t *buckets;
	size_t buckets_length;
	int shape_number;
	const char *problem; /* NULL, or the rest of a sentence that starts with "The pack" */

	const uint8_t *next;
	const uint8_t *end;
	uint64_t left; /* windows that have not been read */
	int64_t begin;
	int64_t finish;
	int64_t last_endpoint;
	int shape_count;
	const pack_shape *shape;
	pack_shape unnumbered;
	pack_shape shapes[PACK_SHAPES];
} pack_reader;

/* Begin to read bytes, which must stay where they are; a problem is found out by the next call. */
extern void pack_reader_open(pack_reader *reader, const uint8_t *data, size_t length);

/* Read the next window; false: there is none, or reader->problem says what is wrong. */
extern bool pack_reader_next(pack_reader *reader);

/*
 * The same in less than half the time, for who wants but the window's ends, endpoint, type
 * and what else its shape says: its times and traffic are passed over, and neither set nor
 * checked.
 */
extern bool pack_reader_next_ends(pack_reader *reader);

/* The nodes of the window's way into via, which has room for window.via_count. */
extern void pack_read_via(const pack_reader *reader, int64_t *via);

#endif /* TOPOLOGY_STORE_PACK_H */
