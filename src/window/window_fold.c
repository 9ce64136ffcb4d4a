/*
 * window_fold.c
 *		Merge the windows of many packs into as few as possible, as packs.
 */
#include "postgres.h"

#include "window/window_fold.h"

#include "utils/memutils.h"

#include "store/pack_error.h"
#include "store/traffic.h"

#define FIRST_ROOM 64

struct window_fold
{
	MemoryContext memory;
	Size limit;
	Size packs_size;
	pack_fold *fold;
	folded_pack *packs;
	uint32 count;
	uint32 room;
};

static void
reserve_pack(window_fold *fold)
{
	if (fold->count < fold->room)
		return;
	fold->room *= 2;
	fold->packs = repalloc_huge(fold->packs, fold->room * sizeof(folded_pack));
}

static bool
keep_pack(void *context, pack_writer *writer, const pack_bounds *bounds)
{
	window_fold *fold = context;
	bytea *pack = MemoryContextAlloc(fold->memory, VARHDRSZ + pack_writer_size(writer));

	SET_VARSIZE(pack, VARHDRSZ + pack_writer_finish(writer, (uint8_t *) VARDATA(pack)));
	reserve_pack(fold);
	fold->packs[fold->count++] = (folded_pack){*bounds, pack};
	fold->packs_size += VARSIZE(pack) + sizeof(folded_pack);
	return true;
}

window_fold *
window_fold_begin(TimestampTz begin, int64 length, Size limit)
{
	MemoryContext memory =
		AllocSetContextCreate(CurrentMemoryContext, "folded windows", ALLOCSET_DEFAULT_SIZES);
	window_fold *fold = MemoryContextAllocZero(memory, sizeof(*fold));

	fold->memory = memory;
	fold->limit = limit;
	fold->room = FIRST_ROOM;
	fold->packs = MemoryContextAlloc(memory, fold->room * sizeof(folded_pack));
	fold->fold = pack_fold_make(begin, length, traffic_allocator(memory), keep_pack, fold);
	return fold;
}

void
window_fold_add_bytes(window_fold *fold, const uint8 *bytes, Size length)
{
	pack_problem problem = pack_fold_add_pack(fold->fold, bytes, length);

	pack_refuse_damage(problem.problem, problem.subject);
}

void
window_fold_add_pack(window_fold *fold, const struct varlena *pack)
{
	window_fold_add_bytes(fold, (const uint8 *) VARDATA_ANY(pack), VARSIZE_ANY_EXHDR(pack));
}

void
window_fold_add_window(window_fold *fold, const pack_window *window, const int64 *via,
					   const traffic_value *traffic)
{
	pack_problem problem = pack_fold_add_window(fold->fold, window, via, traffic);

	pack_refuse_damage(problem.problem, problem.subject);
}

void
window_fold_pass(window_fold *fold, int64 src)
{
	(void) pack_fold_pass_source(fold->fold, src);
}

bool
window_fold_is_full(const window_fold *fold)
{
	return fold->packs_size + pack_fold_memory(fold->fold) > fold->limit;
}

const folded_pack *
window_fold_finish(window_fold *fold, uint32 *count)
{
	(void) pack_fold_finish(fold->fold);
	*count = fold->count;
	return fold->packs;
}

void
window_fold_free(window_fold *fold)
{
	MemoryContextDelete(fold->memory);
}
