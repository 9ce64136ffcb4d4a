/*
 * partitions.c
 *		The partitions of a table of windows, as they are now.
 *
 * The bounds come from the relation cache, not from a query on the catalogs: who is to
 * make a partition must know of those that others have committed after his transaction's
 * snapshot was taken, or he would make one that overlaps them.  The table is locked in
 * ACCESS SHARE while it is looked at, no longer.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "compat.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(topology_partition_bounds);

/* A bound of the partition key's first column; false: there is none on that side. */
static bool
bound_at(const PartitionBoundInfoData *bounds, int index, Datum *value)
{
	if (index < 0 || index >= bounds->ndatums ||
		bounds->kind[index][0] != PARTITION_RANGE_DATUM_VALUE)
		return false;
	*value = bounds->datums[index][0];
	return true;
}

static void
put_partition(ReturnSetInfo *result, const PartitionDescData *partitions, int bound)
{
	const PartitionBoundInfoData *bounds = partitions->boundinfo;
	Oid partition = partitions->oids[bounds->indexes[bound]];
	Datum values[3] = {ObjectIdGetDatum(partition)};
	bool nulls[3] = {false};

	/* what lies between two datums is below the one with its index */
	nulls[1] = !bound_at(bounds, bound - 1, &values[1]);
	nulls[2] = !bound_at(bounds, bound, &values[2]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
topology_partition_bounds(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid schema = get_namespace_oid(NameStr(*PG_GETARG_NAME(0)), true);
	Oid table = get_relname_relid(NameStr(*PG_GETARG_NAME(1)), schema);
	Relation relation;

	InitMaterializedSRF(fcinfo, 0);
	relation = OidIsValid(table) ? try_relation_open(table, AccessShareLock) : NULL;
	if (relation == NULL)
		return (Datum) 0;
	if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE &&
		RelationGetPartitionKey(relation)->partattrs[0] != 0 &&
		get_atttype(table, RelationGetPartitionKey(relation)->partattrs[0]) == TIMESTAMPTZOID)
	{
		PartitionDesc partitions = RelationGetPartitionDesc(relation, true);

		for (int i = 0; partitions->nparts > 0 && i <= partitions->boundinfo->ndatums; i++)
			if (partitions->boundinfo->indexes[i] >= 0)
				put_partition(result, partitions, i);
	}
	relation_close(relation, AccessShareLock);
	return (Datum) 0;
}
