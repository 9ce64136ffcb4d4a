/*
 * connection.c
 *		Connections of background workers, whatever the database is set to.
 *
 * A worker is a superuser in a database whose owner may be none: a search_path
 * of the owner's making must not decide which functions and operators it runs,
 * as little as for autovacuum, whose example this follows.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/guc.h"

#include "worker/connection.h"

static const struct
{
	const char *name;
	const char *value;
} settings[] = {{"search_path", "pg_catalog, pg_temp"},
				{"role", "none"},
				{"session_replication_role", "origin"},
				{"default_transaction_isolation", "read committed"},
				{"default_transaction_read_only", "off"},
				{"default_transaction_deferrable", "off"},
				{"statement_timeout", "0"},
				{"lock_timeout", "0"},
				{"idle_in_transaction_session_timeout", "0"},
#if PG_VERSION_NUM >= 170000
				{"transaction_timeout", "0"},
#endif
				{"standard_conforming_strings", "on"},
				{"jit", "off"}, /* what workers run takes less than to compile it */
				{"DateStyle", "ISO"},
				{"IntervalStyle", "postgres"}};

void
connect_to_database(Oid database)
{
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	for (int i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i].name, settings[i].value, PGC_SUSET, PGC_S_OVERRIDE);
}
