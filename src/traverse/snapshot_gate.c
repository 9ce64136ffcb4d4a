/*
 * snapshot_gate.c
 *		Whether a statement may be answered from a snapshot.
 *
 * A snapshot shows every row of its moment to everybody, so who is not allowed to
 * read the tables, or is shown only some of their rows, must be kept from it.
 * SERIALIZABLE transactions must be seen to read what they read.  In a parallel
 * worker of a transaction that writes, it is not known what the leader is amid of.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "settings.h"
#include "traverse/full_xid.h"
#include "traverse/link_delta.h"
#include "traverse/snapshot_gate.h"
#include "traverse/snapshot_store.h"

bool
gate_is_open(const edge_scope *scope)
{
	if (!topology_use_snapshot || !snapshot_store_exists() || RecoveryInProgress())
		return false;
	if (scope->timed || scope->limit >= 0)
		return false;
	if (IsolationIsSerializable() || link_delta_is_behind())
		return false;
	if (IsParallelWorker() && TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return false;
	return ActiveSnapshotSet() && IsMVCCSnapshot(GetActiveSnapshot());
}

/* Whether the current user may read a table, and sees all of its rows. */
static bool
may_read_all(Oid table)
{
	return pg_class_aclcheck(table, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		   check_enable_rls(table, InvalidOid, true) != RLS_ENABLED;
}

static bool
may_use_schema(const char *schema)
{
	return schema_usage_aclcheck(get_namespace_oid(schema, true), GetUserId()) == ACLCHECK_OK;
}

/* Whether seen has every transaction that the snapshot's moment has. */
static bool
contains_moment(Snapshot seen, const csr_header *csr)
{
	if (full_xid(seen->xmin) >= csr->moment.xmax)
		return true;
	if (full_xid(seen->xmax) < csr->moment.xmax)
		return false;
	for (uint32 i = 0; i < seen->xcnt; i++)
	{
		uint64 running = full_xid(seen->xip[i]);

		if (running < csr->moment.xmax && csr_moment_has(csr, running))
			return false;
	}
	return true;
}

const csr_header *
gate_snapshot(Oid link, const char *schema, Snapshot seen, uint64 *version)
{
	const csr_header *csr;

	if (!OidIsValid(link) || !may_use_schema(schema) || !may_read_all(link))
		return NULL;
	AcceptInvalidationMessages();
	csr = snapshot_map(link, version);
	if (csr == NULL || csr->link_signature != link_delta_signature(link))
	{
		(void) snapshot_request(link, false);
		return NULL;
	}
	return contains_moment(seen, csr) ? csr : NULL;
}

bool
gate_names(const csr_header *csr)
{
	Oid node = link_delta_relation("topo", "node");

	return !link_delta_names_are_behind() && may_use_schema("topo") && may_read_all(node) &&
		   csr->node_signature == link_delta_signature(node);
}
