/*
 * window_identity.c
 *		Which packs there are of a time, told without reading them.
 */
#include "postgres.h"

#include "window/window_identity.h"

#include "utils/timestamp.h"

#include "store/query.h"
#include "memo/row_identity.h"

enum
{
	COLUMN_BUCKET,
	COLUMN_TABLE,
	COLUMN_PLACE,
	COLUMN_WRITER
};

typedef struct identifying
{
	identified_buckets *buckets;
	row_identities identities;
} identifying;

static void
add_key(memo_key *sum, memo_key key)
{
	sum->high += key.high;
	sum->low += key.low;
}

static identified_bucket *
bucket_at(identified_buckets *buckets, TimestampTz bucket)
{
	if (buckets->count > 0 && buckets->list[buckets->count - 1].bucket == bucket)
		return &buckets->list[buckets->count - 1];
	if (buckets->count == buckets->room)
	{
		buckets->room *= 2;
		buckets->list = repalloc_huge(buckets->list, buckets->room * sizeof(identified_bucket));
	}
	buckets->list[buckets->count] = (identified_bucket){.bucket = bucket, .known = true};
	return &buckets->list[buckets->count++];
}

static void
take_row(void *context, TupleTableSlot *slot)
{
	identifying *i = context;
	const Datum *values = slot->tts_values;
	identified_bucket *bucket = bucket_at(i->buckets, DatumGetTimestampTz(values[COLUMN_BUCKET]));

	bucket->known &=
		row_identity_add(&i->identities, &bucket->rows, DatumGetObjectId(values[COLUMN_TABLE]),
						 (ItemPointer) DatumGetPointer(values[COLUMN_PLACE]),
						 DatumGetTransactionId(values[COLUMN_WRITER]));
	bucket->packs++;
}

static int
compare_buckets(const void *a, const void *b)
{
	TimestampTz one = ((const identified_bucket *) a)->bucket;
	TimestampTz other = ((const identified_bucket *) b)->bucket;

	return (one > other) - (one < other);
}

/* Rows of one bucket may have come in turns with those of others. */
static void
join_equal(identified_buckets *buckets)
{
	int kept = 0;

	qsort(buckets->list, buckets->count, sizeof(identified_bucket), compare_buckets);
	for (int i = 1; i < buckets->count; i++)
	{
		identified_bucket *last = &buckets->list[kept];
		const identified_bucket *next = &buckets->list[i];

		if (next->bucket != last->bucket)
		{
			buckets->list[++kept] = *next;
			continue;
		}
		add_key(&last->rows, next->rows);
		last->packs += next->packs;
		last->known &= next->known;
	}
	if (buckets->count > 0)
		buckets->count = kept + 1;
}

void
window_identify(identified_buckets *buckets, const window_pieces *pieces)
{
	query_args none = {.count = 0};
	identifying i = {.buckets = buckets};
	char *query =
		window_pieces_query(pieces, "w.bucket, w.tableoid, w.ctid, w.xmin", "w.pack IS NOT NULL");

	buckets->count = 0;
	buckets->room = 64;
	buckets->list = palloc(buckets->room * sizeof(identified_bucket));
	query_run(query_prepare(query, 0, NULL, QUERY_ONCE), &none, take_row, &i);
	join_equal(buckets);
	pfree(query);
}

bool
window_identity_of(const identified_buckets *buckets, int first, int last, memo_key *rows)
{
	*rows = (memo_key){0, 0};
	for (int i = first; i < last; i++)
	{
		if (!buckets->list[i].known)
			return false;
		add_key(rows, buckets->list[i].rows);
	}
	return true;
}
