/*
 * pack_error.c
 *		Packs that are damaged, in the server.
 */
#include "postgres.h"

#include "store/pack_error.h"

void
pack_refuse_damage(const char *problem, const char *subject)
{
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("a stored pack of windows is corrupt"),
				 errdetail("The %s %s.", subject, problem)));
}
