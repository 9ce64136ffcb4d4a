/*
 * window_identity.c
 *		Which packs there are of a time, told without reading them.
 */
#include "postgres.h"

#include "window/window_identity.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/itemptr.h"
#include "utils/timestamp.h"

#include "store/query.h"

#define SEED_HIGH UINT64CONST(0x746f706f6c6f6779)
#define SEED_LOW  UINT64CONST(0x77696e646f777321)

enum
{
	COLUMN_BUCKET,
	COLUMN_TABLE,
	COLUMN_PLACE,
	COLUMN_WRITER
};

/* All of it is hashed: there must be no gaps. */
typedef struct row_version
{
	Oid database;
	Oid table;
	TransactionId writer;
	BlockNumber block;
	uint32 offset;
} row_version;

static memo_key
hash_bytes_to_key(const void *bytes, size_t length, memo_key seed)
{
	return (memo_key){
		.high = hash_bytes_extended(bytes, (int) length, SEED_HIGH ^ seed.high),
		.low = hash_bytes_extended(bytes, (int) length, SEED_LOW ^ seed.low),
	};
}

static void
add_key(memo_key *sum, memo_key key)
{
	sum->low += key.low;
	sum->high += key.high + (sum->low < key.low);
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
	buckets->list[buckets->count] = (identified_bucket){.bucket = bucket};
	return &buckets->list[buckets->count++];
}

static void
take_row(void *context, TupleTableSlot *slot)
{
	identified_bucket *bucket =
		bucket_at(context, DatumGetTimestampTz(slot->tts_values[COLUMN_BUCKET]));
	ItemPointer place = (ItemPointer) DatumGetPointer(slot->tts_values[COLUMN_PLACE]);
	row_version version = {
		.database = MyDatabaseId,
		.table = DatumGetObjectId(slot->tts_values[COLUMN_TABLE]),
		.writer = DatumGetTransactionId(slot->tts_values[COLUMN_WRITER]),
		.block = ItemPointerGetBlockNumber(place),
		.offset = ItemPointerGetOffsetNumber(place),
	};

	add_key(&bucket->rows, hash_bytes_to_key(&version, sizeof(version), (memo_key){0, 0}));
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
	}
	if (buckets->count > 0)
		buckets->count = kept + 1;
}

void
window_identify(identified_buckets *buckets, const window_pieces *pieces)
{
	query_args none = {.count = 0};
	char *query =
		window_pieces_query(pieces, "w.bucket, w.tableoid, w.ctid, w.xmin", "w.pack IS NOT NULL");

	buckets->count = 0;
	buckets->room = 64;
	buckets->list = palloc(buckets->room * sizeof(identified_bucket));
	query_run(query_prepare(query, 0, NULL, QUERY_ONCE), &none, take_row, buckets);
	join_equal(buckets);
	pfree(query);
}

memo_key
window_identity_of(const identified_buckets *buckets, int first, int last)
{
	memo_key sum = {0, 0};

	for (int i = first; i < last; i++)
		add_key(&sum, buckets->list[i].rows);
	return sum;
}

memo_key
window_identity_for(memo_key rows, const void *purpose, size_t length)
{
	return hash_bytes_to_key(purpose, length, rows);
}
