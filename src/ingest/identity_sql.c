/*
 * identity_sql.c
 *		The rules that name workloads: the built-in ones, for SQL to show and to
 *		complete, and a look at the user's before a worker has to use them.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "capture/identity_rules.h"

PG_FUNCTION_INFO_V1(topology_default_identity_rules);
PG_FUNCTION_INFO_V1(topology_check_identity_rules);

Datum
topology_default_identity_rules(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(identity_rules_default()));
}

Datum
topology_check_identity_rules(PG_FUNCTION_ARGS)
{
	identity_rules_error wrong = {0};
	identity_rules *rules = identity_rules_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)), &wrong);

	if (!rules)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_REGULAR_EXPRESSION), errmsg("invalid identity rule"),
				 errdetail("Rule %d in the order of positions: %s.", wrong.line, wrong.message),
				 errhint("The pattern is a POSIX extended regular expression; in the name, \\0 to "
						 "\\9 stand for what matched.")));
	identity_rules_free(rules);
	PG_RETURN_VOID();
}
