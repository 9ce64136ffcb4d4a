/*
 * identity_sql.c
 *		The built-in rules that name workloads, for SQL to show and to complete.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "capture/identity_rules.h"

PG_FUNCTION_INFO_V1(topology_default_identity_rules);

Datum
topology_default_identity_rules(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(identity_rules_default()));
}
