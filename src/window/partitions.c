/*
 * partitions.c
 *		The partitions of a table of windows, as they are now.
 *
 * They are looked up in the catalogs as of now, not as of the transaction's snapshot: who
 * is to make a partition must know of those that others have committed since, or he would
 * make one that overlaps them.  No table is locked, so that nobody who only wants to know
 * waits for who drops one.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "compat.h"
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(topology_partition_bounds);

/* Bound of a partition's first column; false: there is none on that side. */
static bool
bound_value(List *datums, Datum *value)
{
	PartitionRangeDatum *bound = linitial_node(PartitionRangeDatum, datums);

	if (bound->kind != PARTITION_RANGE_DATUM_VALUE)
		return false;
	*value = castNode(Const, bound->value)->constvalue;
	return true;
}

/* How a table is bound as a partition; NULL: it is gone, or is no partition by range. */
static PartitionBoundSpec *
bound_of(Oid partition)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(partition));
	PartitionBoundSpec *spec = NULL;
	Datum bound;
	bool isnull;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	bound = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relpartbound, &isnull);
	if (!isnull)
		spec = stringToNode(TextDatumGetCString(bound));
	ReleaseSysCache(tuple);
	return spec != NULL && spec->strategy == PARTITION_STRATEGY_RANGE ? spec : NULL;
}

static void
put_partition(ReturnSetInfo *result, Oid partition)
{
	PartitionBoundSpec *spec = bound_of(partition);
	Datum values[3] = {ObjectIdGetDatum(partition)};
	bool nulls[3] = {false};

	if (spec == NULL)
		return;
	nulls[1] = !bound_value(spec->lowerdatums, &values[1]);
	nulls[2] = !bound_value(spec->upperdatums, &values[2]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
topology_partition_bounds(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid schema = get_namespace_oid(NameStr(*PG_GETARG_NAME(0)), true);
	Oid table = get_relname_relid(NameStr(*PG_GETARG_NAME(1)), schema);
	ListCell *cell;

	InitMaterializedSRF(fcinfo, 0);
	if (!OidIsValid(table))
		return (Datum) 0;
	foreach (cell, find_inheritance_children(table, NoLock))
		put_partition(result, lfirst_oid(cell));
	return (Datum) 0;
}
