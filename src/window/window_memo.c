/*
 * window_memo.c
 *		What is remembered of a range of time: its packs, merged once.
 */
#include "postgres.h"

#include "window/window_memo.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "window/memo_make.h"
#include "memo/memo_store.h"
#include "memo/row_identity.h"
#include "window/window_identity.h"

#define TENS_OF_MINUTES (10 * USECS_PER_MINUTE)

/* Of fewer buckets or packs than these, no memo is made: they are merged in less than a
 * millisecond. */
#define FEWEST_BUCKETS 3
#define FEWEST_PACKS   8

#define MOST_STRETCHES 3

/* Some buckets, one behind the other, whose packs make one memo. */
typedef struct stretch
{
	int first;
	int last; /* the one behind them */
	bool remembered;
} stretch;

typedef struct recall
{
	window_memo *memo;
	const window_pieces *pieces;
	bool make; /* memos that are missing */
	identified_buckets buckets;
	stretch stretches[MOST_STRETCHES];
	int count;
} recall;

/* The tens of minutes that a time is in begin then. */
static TimestampTz
tens_before(TimestampTz at)
{
	int64 behind = at % TENS_OF_MINUTES;

	return at - (behind < 0 ? behind + TENS_OF_MINUTES : behind);
}

/* The first bucket, from the one given, that does not begin before a time. */
static int
bucket_from(const identified_buckets *buckets, int first, TimestampTz at)
{
	while (first < buckets->count && buckets->list[first].bucket < at)
		first++;
	return first;
}

static void
add_stretch(recall *r, int first, int last)
{
	int packs = 0;

	for (int i = first; i < last; i++)
		packs += r->buckets.list[i].packs;
	if (last - first >= FEWEST_BUCKETS && packs >= FEWEST_PACKS)
		r->stretches[r->count++] = (stretch){.first = first, .last = last};
}

/* Head, middle and tail. */
static void
part(recall *r)
{
	const identified_buckets *buckets = &r->buckets;
	TimestampTz begin = buckets->list[0].bucket;
	int middle = bucket_from(buckets, 0, tens_before(begin + TENS_OF_MINUTES - 1));
	int tail = bucket_from(buckets, middle, tens_before(buckets->list[buckets->count - 1].bucket));

	add_stretch(r, 0, middle);
	add_stretch(r, middle, tail);
	add_stretch(r, tail, buckets->count);
}

/* False: there are rows that have no identity. */
static bool
find_key(const recall *r, int first, int last, memo_key *key)
{
	static const char purpose[] = "packs";
	memo_key rows;

	if (!window_identity_of(&r->buckets, first, last, &rows))
		return false;
	*key = row_identity_key(rows, row_identity_of_bytes(purpose, sizeof(purpose)));
	return true;
}

/* How many buckets of a stretch are in a memo but for the last; those packs are in base. */
static int
recall_base(const recall *r, const stretch *s, memo_packs *base)
{
	int last = s->last - 1;
	memo_key key;

	memo_packs_begin(base);
	if (last - s->first < FEWEST_BUCKETS || !find_key(r, s->first, last, &key) ||
		!memo_packs_recall(base, key))
		return 0;
	return base->count > 0 ? last - s->first : 0;
}

static void
make_memo(const recall *r, stretch *s, memo_key key, memo_packs *packs)
{
	const identified_bucket *buckets = r->buckets.list;
	memo_packs base;
	int known = recall_base(r, s, &base);
	bucket_span span = {buckets[s->first + known].bucket, buckets[s->last - 1].bucket};

	s->remembered = memo_make(packs, r->pieces, span, &base);
	memo_packs_remember(packs, key);
}

static void
recall_stretch(const recall *r, stretch *s)
{
	memo_packs packs;
	memo_key key;

	if (!find_key(r, s->first, s->last, &key))
		return;
	memo_packs_begin(&packs);
	if (memo_packs_recall(&packs, key))
		s->remembered = packs.count > 0;
	else if (r->make)
		make_memo(r, s, key, &packs);
	memo_packs_append(&r->memo->packs, &packs);
}

static int64
length_of(const Datum *during)
{
	RangeBound lower;
	RangeBound upper;
	bool empty;
	RangeType *range;

	if (during == NULL)
		return -1;
	range = DatumGetRangeTypeP(*during);
	range_deserialize(lookup_type_cache(RangeTypeGetOid(range), TYPECACHE_RANGE_INFO), range,
					  &lower, &upper, &empty);
	if (empty || lower.infinite || upper.infinite)
		return -2;
	return DatumGetTimestampTz(upper.val) - DatumGetTimestampTz(lower.val);
}

/* Whether a range of that length was asked for lately. */
static bool
comes_again(const char *graph, const Datum *during)
{
	StringInfoData form;
	int64 length = length_of(during);

	initStringInfo(&form);
	appendBinaryStringInfo(&form, (const char *) &MyDatabaseId, sizeof(MyDatabaseId));
	appendBinaryStringInfo(&form, (const char *) &length, sizeof(length));
	appendStringInfoString(&form, graph);
	return memo_store_was_asked(row_identity_of_bytes(form.data, form.len));
}

static bool
is_remembered(const recall *r, int bucket)
{
	for (int i = 0; i < r->count; i++)
	{
		const stretch *s = &r->stretches[i];

		if (bucket >= s->first && bucket < s->last)
			return s->remembered;
	}
	return false;
}

/* The buckets that are to be read: one by one, since few are left. */
static char *
rest_of(const recall *r)
{
	StringInfoData rest;
	const char *separator = "";

	initStringInfo(&rest);
	appendStringInfoString(&rest, "w.bucket = ANY ('{");
	for (int i = 0; i < r->buckets.count; i++)
	{
		if (is_remembered(r, i))
			continue;
		appendStringInfo(&rest, "%s\"%s\"", separator,
						 timestamptz_to_str(r->buckets.list[i].bucket));
		separator = ",";
	}
	appendStringInfoString(&rest, "}'::timestamptz[])");
	return rest.data;
}

void
window_memo_recall(window_memo *memo, const window_pieces *pieces, const char *graph,
				   const Datum *during, bool may_make)
{
	recall r = {.memo = memo, .pieces = pieces};

	memo_packs_begin(&memo->packs);
	memo->rest = "true";
	if (!memo_store_wanted())
		return;
	window_identify(&r.buckets, pieces);
	if (r.buckets.count > 0)
		part(&r);
	if (r.count == 0)
		return;
	r.make = comes_again(graph, during) && may_make;
	for (int i = 0; i < r.count; i++)
		recall_stretch(&r, &r.stretches[i]);
	if (memo->packs.count == 0)
		return;
	memo->rest = rest_of(&r);
	memo_packs_sort(&memo->packs);
}
