/*
 * pair.h
 *		From spans and metrics of calls to edges, as the workers and flush() run
 *		it; sql/42-pair.sql and sql/46-calls.sql do it.
 */
#ifndef TOPOLOGY_PAIR_H
#define TOPOLOGY_PAIR_H

#include "postgres.h"

/*
 * Pair the spans, and resolve the windows of calls, that came since this was last
 * done, in the caller's transaction, which must be READ COMMITTED
 * (ERRCODE_FEATURE_NOT_SUPPORTED otherwise).  One session at a time does so: with
 * wait, the others queue until its transaction ends; without, what another is at
 * is left to it, and they return false.  Needs SPI.
 */
extern bool pair_pending(bool wait);

#endif /* TOPOLOGY_PAIR_H */
