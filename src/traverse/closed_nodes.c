/*
 * closed_nodes.c
 *		Which nodes traversal does not go on from, unless it is asked to.
 */
#include "postgres.h"

#include "compat.h"
#include "traverse/closed_nodes.h"
#include "store/query.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"

static const char *const closed_types[] = {"external", "address"};

static kept_query closed_query = {
	.text = "SELECT id FROM topo.node WHERE id = ANY ($1) AND type IN ('external', 'address')",
	.arg_count = 1,
	.arg_types = {INT8ARRAYOID},
};

bool
closed_nodes_are(const text *type)
{
	Size size = VARSIZE_ANY_EXHDR(type);

	for (int i = 0; i < lengthof(closed_types); i++)
		if (strlen(closed_types[i]) == size &&
			memcmp(closed_types[i], VARDATA_ANY(type), size) == 0)
			return true;
	return false;
}

/* Where the ids that were found go. */
typedef struct closed_sink
{
	int64 *ids;
	size_t count;
	size_t capacity;
} closed_sink;

static void
take_closed(void *context, TupleTableSlot *slot)
{
	closed_sink *found = context;

	if (found->count == found->capacity)
	{
		found->capacity *= 2;
		found->ids = repalloc_huge(found->ids, found->capacity * sizeof(int64));
	}
	found->ids[found->count++] = DatumGetInt64(slot->tts_values[0]);
}

static int
compare_ids(const void *a, const void *b)
{
	int64 left = *(const int64 *) a;
	int64 right = *(const int64 *) b;

	CHECK_FOR_INTERRUPTS();
	return (left > right) - (left < right);
}

int64 *
closed_nodes_among(const int64 *ids, size_t count, size_t *closed_count)
{
	closed_sink found = {.capacity = 64};

	found.ids = palloc(found.capacity * sizeof(int64));
	for (size_t begin = 0; begin < count; begin += QUERY_CHUNK)
	{
		ArrayType *chunk = query_bigint_array(ids + begin, Min(QUERY_CHUNK, count - begin));
		query_args args = {.count = 1, .values = {PointerGetDatum(chunk)}};

		query_run_kept(&closed_query, &args, take_closed, &found);
		pfree(chunk);
	}
	qsort(found.ids, found.count, sizeof(int64), compare_ids);
	*closed_count = found.count;
	return found.ids;
}

bool
closed_nodes_have(const int64 *closed, size_t closed_count, int64 id)
{
	return closed_count > 0 && bsearch(&id, closed, closed_count, sizeof(int64), compare_ids);
}

size_t
closed_nodes_leave_out(int64 *ids, size_t count)
{
	size_t closed_count;
	int64 *closed = closed_nodes_among(ids, count, &closed_count);
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (!closed_nodes_have(closed, closed_count, ids[i]))
			ids[kept++] = ids[i];
	pfree(closed);
	return kept;
}
