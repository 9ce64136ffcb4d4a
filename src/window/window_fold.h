/*
 * window_fold.h
 *		Merge the windows of many packs into as few as possible, as packs.
 *
 * store/pack_fold.h says what is merged into what, and what it costs.  Here it has a
 * memory context of its own, below the CurrentMemoryContext of window_fold_begin(), which
 * window_fold_free() deletes with all that came out.
 *
 * Add packs in order of their first source, those of all times together, and say
 * window_fold_pass() before each: then memory is for the edges of a few packs and for
 * the packs that come out, some 30 bytes a window.
 */
#ifndef TOPOLOGY_WINDOW_WINDOW_FOLD_H
#define TOPOLOGY_WINDOW_WINDOW_FOLD_H

#include "postgres.h"

#include "utils/timestamp.h"

#include "store/pack_fold.h"

typedef struct folded_pack
{
	pack_bounds bounds;
	bytea *pack;
} folded_pack;

typedef struct window_fold window_fold;

/* For packs of length microseconds from begin on; limit is in bytes. */
extern window_fold *window_fold_begin(TimestampTz begin, int64 length, Size limit);

/* Add the windows of a pack, as it is stored; one that is damaged is ERRCODE_DATA_CORRUPTED. */
extern void window_fold_add_pack(window_fold *fold, const struct varlena *pack);

/* The same for one that is anywhere in memory. */
extern void window_fold_add_bytes(window_fold *fold, const uint8 *bytes, Size length);

/* Add a window; via has via_count nodes. */
extern void window_fold_add_window(window_fold *fold, const pack_window *window, const int64 *via,
								   const traffic_value *traffic);

/* No window of a source before this one comes any more; if one does, it counts as damage. */
extern void window_fold_pass(window_fold *fold, int64 src);

/*
 * Whether windows and packs take more than the limit by now.  Nothing is refused for it:
 * look after each pack.
 */
extern bool window_fold_is_full(const window_fold *fold);

/* The packs, by source and target; nothing can be added any more. */
extern const folded_pack *window_fold_finish(window_fold *fold, uint32 *count);

extern void window_fold_free(window_fold *fold);

#endif /* TOPOLOGY_WINDOW_WINDOW_FOLD_H */
