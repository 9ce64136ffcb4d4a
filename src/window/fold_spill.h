/*
 * fold_spill.h
 *		Windows under merge in temporary files, in order of their ends.
 */
#ifndef TOPOLOGY_WINDOW_FOLD_SPILL_H
#define TOPOLOGY_WINDOW_FOLD_SPILL_H

#include "postgres.h"

#include "store/pack_fold.h"

typedef struct fold_spill fold_spill;

/* In CurrentMemoryContext; work_mem before it is written to files. */
extern fold_spill *fold_spill_create(void);

/* Write all windows of a fold that are not in packs yet, which may be alike to some that were
 * written. */
extern void fold_spill_write(fold_spill *spill, pack_fold *fold);

/* The greatest source of what was written. */
extern int64 fold_spill_last_src(const fold_spill *spill);

/*
 * Add all that was written to a fold again, which packs it as it comes: no windows of
 * these sources must come any more.  The spill has ended then.
 */
extern void fold_spill_drain(fold_spill *spill, pack_fold *fold);

/* Give up what was written. */
extern void fold_spill_end(fold_spill *spill);

#endif /* TOPOLOGY_WINDOW_FOLD_SPILL_H */
