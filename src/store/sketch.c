/*
 * sketch.c
 *		A mergeable sketch of latencies: sparse buckets in one sorted array.
 *
 * sketch.h derives the error bound.  Adding a sample is a binary search and, the
 * first time a bucket is met, a move of those above it; real distributions have
 * 100 to 300 buckets of 16 bytes, so that is a few cache lines.  The array
 * doubles as it grows and is bounded by SKETCH_BUCKETS_MAX (29 kB).
 */
#include "store/sketch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *
resize_malloc(void *context, void *memory, size_t size)
{
	(void) context;
	if (size == 0)
	{
		free(memory);
		return NULL;
	}
	return realloc(memory, size);
}

const sketch_allocator sketch_allocator_malloc = {resize_malloc, NULL};

void
sketch_init(sketch *s, sketch_allocator allocator)
{
	memset(s, 0, sizeof(*s));
	s->allocator = allocator;
}

void
sketch_clear(sketch *s)
{
	if (s->buckets != NULL)
		s->allocator.resize(s->allocator.context, s->buckets, 0);
	sketch_init(s, s->allocator);
}

bool
sketch_reserve(sketch *s, uint32_t capacity)
{
	sketch_bucket *grown;

	if (capacity <= s->capacity)
		return true;
	grown = s->allocator.resize(s->allocator.context, s->buckets, capacity * sizeof(*grown));
	if (grown == NULL)
		return false;
	s->buckets = grown;
	s->capacity = capacity;
	return true;
}

int
sketch_index(int64_t ns)
{
	double index;

	if (ns < 1)
		return SKETCH_INDEX_ZERO;
	index = ceil(log((double) ns) / log(SKETCH_GAMMA));
	return index > SKETCH_INDEX_MAX ? SKETCH_INDEX_MAX : (int) index;
}

double
sketch_index_ns(int index)
{
	if (index == SKETCH_INDEX_ZERO)
		return 0;
	return 2 * pow(SKETCH_GAMMA, index) / (SKETCH_GAMMA + 1);
}

/* The position of the first bucket that is not below index. */
static uint32_t
lower_bound(const sketch *s, int index)
{
	uint32_t low = 0;
	uint32_t high = s->bucket_count;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (s->buckets[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Make room for needed buckets; doubles, so that buckets that come one by one are cheap. */
static bool
grow(sketch *s, uint32_t needed)
{
	uint32_t doubled = s->capacity < 4 ? 8 : s->capacity * 2;

	if (needed <= s->capacity)
		return true;
	if (needed < doubled)
		needed = doubled;
	return sketch_reserve(s, needed < SKETCH_BUCKETS_MAX ? needed : SKETCH_BUCKETS_MAX);
}

static bool
insert_bucket(sketch *s, uint32_t at, int index, int64_t count)
{
	sketch_bucket *bucket;

	if (!grow(s, s->bucket_count + 1))
		return false;
	bucket = &s->buckets[at];
	memmove(bucket + 1, bucket, (s->bucket_count - at) * sizeof(*bucket));
	bucket->index = index;
	bucket->count = count;
	s->bucket_count++;
	return true;
}

bool
sketch_add_bucket(sketch *s, int index, int64_t count)
{
	uint32_t at;

	if (count <= 0)
		return true;
	if (index == SKETCH_INDEX_ZERO)
	{
		s->zero = saturated_sum(s->zero, count);
		return true;
	}
	at = lower_bound(s, index);
	if (at == s->bucket_count || s->buckets[at].index != index)
		return insert_bucket(s, at, index, count);
	s->buckets[at].count = saturated_sum(s->buckets[at].count, count);
	return true;
}

bool
sketch_add(sketch *s, int64_t ns, int64_t count)
{
	return sketch_add_bucket(s, sketch_index(ns), count);
}

/* How many buckets the two have together, counting those of both once. */
static uint32_t
count_united(const sketch *a, const sketch *b)
{
	uint32_t united = 0;
	uint32_t i = 0;
	uint32_t j = 0;

	while (i < a->bucket_count && j < b->bucket_count)
	{
		int32_t left = a->buckets[i].index;
		int32_t right = b->buckets[j].index;

		i += left <= right;
		j += right <= left;
		united++;
	}
	return united + (a->bucket_count - i) + (b->bucket_count - j);
}

/* Merge from the top down, so that into's own buckets are read before they are written over. */
static void
merge_downwards(sketch *into, const sketch *from, uint32_t united)
{
	uint32_t i = into->bucket_count;
	uint32_t j = from->bucket_count;

	into->bucket_count = united;
	while (j > 0)
	{
		const sketch_bucket *theirs = &from->buckets[j - 1];
		sketch_bucket *target = &into->buckets[--united];

		if (i > 0 && into->buckets[i - 1].index > theirs->index)
			*target = into->buckets[--i];
		else if (i > 0 && into->buckets[i - 1].index == theirs->index)
		{
			target->count = saturated_sum(into->buckets[--i].count, theirs->count);
			target->index = theirs->index;
			j--;
		}
		else
		{
			*target = *theirs;
			j--;
		}
	}
}

/* Merge a few buckets into many: a look-up for each is cheaper than a pass over all. */
static bool
merge_few(sketch *into, const sketch *from)
{
	/* Room for all first, so that none is added when one could not be. */
	if (!grow(into, into->bucket_count + from->bucket_count))
		return false;
	for (uint32_t j = 0; j < from->bucket_count; j++)
		sketch_add_bucket(into, from->buckets[j].index, from->buckets[j].count);
	return true;
}

static bool
merge_many(sketch *into, const sketch *from)
{
	uint32_t united = count_united(into, from);

	if (!grow(into, united))
		return false;
	merge_downwards(into, from, united);
	return true;
}

bool
sketch_merge(sketch *into, const sketch *from)
{
	bool few = from->bucket_count < into->bucket_count / 8;

	if (!(few ? merge_few(into, from) : merge_many(into, from)))
		return false;
	into->zero = saturated_sum(into->zero, from->zero);
	return true;
}

int64_t
sketch_count(const sketch *s)
{
	int64_t count = s->zero;

	for (uint32_t i = 0; i < s->bucket_count; i++)
		count = saturated_sum(count, s->buckets[i].count);
	return count;
}

bool
sketch_quantile(const sketch *s, double q, double *ns)
{
	/*
	 * Ranks are doubles: exact up to 2^53 samples, as percentile_disc is, and
	 * beyond that nothing overflows.  Both sums add up in the same order, so
	 * the rank of q = 1 is reached exactly at the last bucket.
	 */
	double total = (double) s->zero;
	double seen = total;
	double rank;
	int index = SKETCH_INDEX_ZERO;

	for (uint32_t i = 0; i < s->bucket_count; i++)
		total += (double) s->buckets[i].count;
	if (total == 0)
		return false;
	rank = fmax(1, ceil(q * total));
	for (uint32_t i = 0; i < s->bucket_count && seen < rank; i++)
	{
		seen += (double) s->buckets[i].count;
		index = s->buckets[i].index;
	}
	*ns = sketch_index_ns(index);
	return true;
}
