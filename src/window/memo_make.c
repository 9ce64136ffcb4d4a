/*
 * memo_make.c
 *		Merge the packs of some buckets, to be remembered.
 */
#include "postgres.h"

#include "window/memo_make.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "settings.h"
#include "store/query.h"
#include "window/window_fold.h"

/* One memo may take this part of the memory for all. */
#define MEMO_SHARE 5

/* Packs on their way into a memo. */
typedef struct making
{
	window_fold *fold;
	const memo_packs *base;
	int next_base;
	MemoryContext memory; /* for a pack at a time */
	uint64 taken;         /* bytes of the packs that were read */
	bool full;
} making;

static void
add_base(making *m, int64 src)
{
	const memo_pack *pack;

	while ((pack = memo_packs_up_to(m->base, &m->next_base, src)) != NULL)
		window_fold_add_bytes(m->fold, pack->bytes, pack->length);
}

static void
take_pack(void *context, TupleTableSlot *slot)
{
	making *m = context;
	int64 src = DatumGetInt64(slot->tts_values[0]);
	MemoryContext old = MemoryContextSwitchTo(m->memory);
	const struct varlena *pack = PG_DETOAST_DATUM_PACKED(slot->tts_values[1]);

	add_base(m, src);
	window_fold_pass(m->fold, src);
	window_fold_add_pack(m->fold, pack);
	m->taken += VARSIZE_ANY_EXHDR(pack);
	m->full = window_fold_is_full(m->fold);
	MemoryContextSwitchTo(old);
	MemoryContextReset(m->memory);
}

static void
read_packs(making *m, const window_pieces *pieces, bucket_span span)
{
	query_args none = {.count = 0, .stop = &m->full};
	char *first = pstrdup(timestamptz_to_str(span.first));
	char *condition = psprintf("w.pack IS NOT NULL AND w.bucket >= '%s'::timestamptz "
							   "AND w.bucket <= '%s'::timestamptz",
							   first, timestamptz_to_str(span.last));
	char *query =
		psprintf("%s ORDER BY 1", window_pieces_query(pieces, "w.src, w.pack", condition));

	query_run(query_prepare(query, 0, NULL, QUERY_ONCE), &none, take_pack, m);
	if (!m->full)
		add_base(m, PG_INT64_MAX);
}

/* Add what came out, in all so many bytes. */
static uint64
take_result(making *m, memo_packs *made)
{
	uint64 bytes = 0;
	uint32 count;
	const folded_pack *packs = window_fold_finish(m->fold, &count);

	for (uint32 i = 0; i < count; i++)
	{
		uint64 length = VARSIZE_ANY_EXHDR(packs[i].pack);

		memo_packs_add(made, (memo_pack){packs[i].bounds.src, length,
										 (const uint8 *) VARDATA_ANY(packs[i].pack)});
		bytes += length;
	}
	return bytes;
}

static bool
is_worth_it(const making *m, uint64 bytes)
{
	uint64 most = topology_memo_memory * UINT64CONST(1024) / MEMO_SHARE;

	/* base has made less of the same edges before, and a little is added */
	return bytes < most && (bytes < m->taken / 2 || m->base->count > 0);
}

bool
memo_make(memo_packs *made, const window_pieces *pieces, bucket_span span, const memo_packs *base)
{
	making m = {
		.fold = window_fold_begin(span.first, span.last - span.first + USECS_PER_MINUTE,
								  topology_memo_memory * INT64CONST(1024)),
		.base = base,
		.memory = AllocSetContextCreate(CurrentMemoryContext, "pack", ALLOCSET_DEFAULT_SIZES),
	};

	read_packs(&m, pieces, span);
	MemoryContextDelete(m.memory);
	if (!m.full && is_worth_it(&m, take_result(&m, made)))
		return true;
	made->count = 0;
	window_fold_free(m.fold);
	return false;
}
