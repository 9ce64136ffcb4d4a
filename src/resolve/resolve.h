/*
 * resolve.h
 *		Resolution as the workers and flush() run it; sql/43-resolve.sql does it.
 */
#ifndef TOPOLOGY_RESOLVE_H
#define TOPOLOGY_RESOLVE_H

#include "postgres.h"

/*
 * Resolve the flow windows that are dirty, in the caller's transaction, which
 * must be READ COMMITTED (ERRCODE_FEATURE_NOT_SUPPORTED otherwise).  One session
 * at a time does so: with wait, the others queue until its transaction ends;
 * without, they return false at once.  Needs SPI.
 */
extern bool resolve_pending(bool wait);

/* Look for intermediaries in the next minute that has settled; false: there is none.  Needs SPI. */
extern bool resolve_detect(void);

/* Drop what was learned of addresses whose flows are gone, and their nodes.  Needs SPI. */
extern void resolve_forget(void);

#endif /* TOPOLOGY_RESOLVE_H */
