/*
 * sketch.h
 *		A mergeable sketch of latencies with a bounded relative error.
 *
 * The buckets are those of DDSketch (Masson, Rim, Lee: "DDSketch: A Fast and
 * Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", PVLDB 12
 * (12), 2019).  With an accuracy alpha and gamma = (1 + alpha) / (1 - alpha),
 * bucket i holds the values x with gamma^(i-1) < x <= gamma^i, so
 * i = ceil(log_gamma(x)).  A bucket answers with v = 2 gamma^i / (gamma + 1).
 *
 * Why the error is at most alpha: over the bucket, v / x is monotonic in x, so
 * its extremes are at the ends.  At x = gamma^i, v / x = 2 / (gamma + 1)
 * = 1 - alpha; as x nears gamma^(i-1), v / x nears 2 gamma / (gamma + 1)
 * = 1 + alpha.  Hence |v - x| <= alpha x.  A quantile is the answer of the
 * bucket that holds the sample of that rank, and counts are exact, so the same
 * bound holds for every quantile, whatever the distribution.  Rounding of the
 * logarithm adds less than 1e-12.
 *
 * Where DDSketch collapses its lowest buckets when they grow too many, this
 * one bounds the range instead: 1 ns to 100 days is 1836 buckets at most, and
 * nothing is ever collapsed.  Below 1 ns is a bucket of its own, the zero
 * bucket; beyond 100 days is counted in the last bucket.
 *
 * A sketch is a set of integers, one for each bucket, that are only ever added
 * to.  An addition that would pass INT64_MAX stays there: min(a + b, MAX) is as
 * commutative and associative as a + b when nothing is negative.  So any order
 * and any grouping of additions and merges gives the same sketch, bit for bit.
 *
 * Nothing here knows PostgreSQL.
 */
#ifndef TOPOLOGY_STORE_SKETCH_H
#define TOPOLOGY_STORE_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bound of the relative error, and the ratio of a bucket's ends. */
#define SKETCH_ALPHA 0.01
#define SKETCH_GAMMA ((1.0 + SKETCH_ALPHA) / (1.0 - SKETCH_ALPHA))

/* The bucket of 1 ns, that of 100 days and beyond, and what is below both. */
#define SKETCH_INDEX_MIN  0
#define SKETCH_INDEX_MAX  1835
#define SKETCH_INDEX_ZERO (-1)

/* The most buckets that a sketch can have, the zero bucket apart. */
#define SKETCH_BUCKETS_MAX (SKETCH_INDEX_MAX - SKETCH_INDEX_MIN + 1)

/*
 * Where the buckets' memory comes from.  resize works as realloc does; size 0
 * frees and returns NULL.  It may return NULL for want of memory, or raise.
 */
typedef struct sketch_allocator
{
	void *(*resize)(void *context, void *memory, size_t size);
	void *context;
} sketch_allocator;

/* realloc and free. */
extern const sketch_allocator sketch_allocator_malloc;

typedef struct sketch_bucket
{
	int64_t count; /* 1 .. INT64_MAX */
	int32_t index; /* SKETCH_INDEX_MIN .. SKETCH_INDEX_MAX */
} sketch_bucket;

/*
 * Only buckets that hold samples are there, by ascending index.  The buckets
 * belong to the sketch.  Read the members as you like; only the functions
 * below change them.
 */
typedef struct sketch
{
	int64_t zero; /* samples below 1 ns */
	sketch_bucket *buckets;
	uint32_t bucket_count;
	uint32_t capacity;
	sketch_allocator allocator;
} sketch;

/* An empty sketch, which holds no memory until a bucket is needed. */
extern void sketch_init(sketch *s, sketch_allocator allocator);

/* Give the memory back; the sketch is empty and may be used again. */
extern void sketch_clear(sketch *s);

/* Make room for capacity buckets.  False: no memory, nothing changed. */
extern bool sketch_reserve(sketch *s, uint32_t capacity);

/* The bucket of a latency; SKETCH_INDEX_ZERO below 1 ns. */
extern int sketch_index(int64_t ns);

/* What a bucket answers with, in nanoseconds; 0 for SKETCH_INDEX_ZERO. */
extern double sketch_index_ns(int index);

/* Count a latency count times; count <= 0 adds nothing.  False: no memory, nothing changed. */
extern bool sketch_add(sketch *s, int64_t ns, int64_t count);

/* The same for a bucket, SKETCH_INDEX_ZERO .. SKETCH_INDEX_MAX. */
extern bool sketch_add_bucket(sketch *s, int index, int64_t count);

/*
 * Add all of from to into, which must be another sketch.  Costs one pass over
 * both, or less if from is much the smaller.  False: no memory, nothing changed.
 */
extern bool sketch_merge(sketch *into, const sketch *from);

/* The number of samples, INT64_MAX if there are more. */
extern int64_t sketch_count(const sketch *s);

/*
 * The least latency, in nanoseconds, such that at least the share q of all
 * samples is not above it: percentile_disc's definition, within SKETCH_ALPHA.
 * q is 0 .. 1.  False: there are no samples, and ns is not set.
 */
extern bool sketch_quantile(const sketch *s, double q, double *ns);

/* a + b, or INT64_MAX if that is less; neither may be negative. */
static inline int64_t
saturated_sum(int64_t a, int64_t b)
{
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}

#endif /* TOPOLOGY_STORE_SKETCH_H */
