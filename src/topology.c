/*
 * topology.c
 *		Entry point of the extension: its settings, and the start of its workers.
 */
#include "postgres.h"

#include "fmgr.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
}
