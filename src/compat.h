/*
 * compat.h
 *		What differs between PostgreSQL 14 and 18 for more than one file here.
 */
#ifndef TOPOLOGY_COMPAT_H
#define TOPOLOGY_COMPAT_H

#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#if PG_VERSION_NUM >= 160000
/* Before 16 it was in postgres.h. */
#include "varatt.h"
#endif

#ifndef pg_noreturn
/* Before 18 it stood behind the parameters, and was called otherwise. */
#define pg_noreturn __attribute__((noreturn))
#endif

#if PG_VERSION_NUM < 150000
/* Before 15: the body that set-returning functions used to repeat. */
#include "utils/tuplestore.h"

static inline void
InitMaterializedSRF(FunctionCallInfo fcinfo, bits32 flags)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext previous;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		(rsinfo->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("set-valued function called in context that cannot accept a set")));
	previous = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &rsinfo->setDesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rsinfo->setDesc = CreateTupleDescCopy(rsinfo->setDesc);
	rsinfo->setResult = tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	rsinfo->returnMode = SFRM_Materialize;
	MemoryContextSwitchTo(previous);
}

typedef void (*shmem_request_hook_type)(void);

/* Before 15 shared memory is asked for while the library is loaded. */
static inline void
hook_shmem_request(shmem_request_hook_type request, shmem_request_hook_type *previous)
{
	*previous = NULL;
	request();
}
#else
/* Have request called when it is time to ask for shared memory; it calls previous. */
static inline void
hook_shmem_request(shmem_request_hook_type request, shmem_request_hook_type *previous)
{
	*previous = shmem_request_hook;
	shmem_request_hook = request;
}
#endif

#if PG_VERSION_NUM < 160000
/* Before 16: a function for each kind of object. */
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "utils/acl.h"

static inline bool
object_ownercheck(Oid catalog, Oid object, Oid role)
{
	switch (catalog)
	{
		case DatabaseRelationId:
			return pg_database_ownercheck(object, role);
		case ExtensionRelationId:
			return pg_extension_ownercheck(object, role);
		case NamespaceRelationId:
			return pg_namespace_ownercheck(object, role);
		default:
			elog(ERROR, "no owners of objects of catalog %u", catalog);
	}
}

static inline AclResult
schema_usage_aclcheck(Oid schema, Oid role)
{
	return pg_namespace_aclcheck(schema, role, ACL_USAGE);
}
#else
#include "catalog/pg_namespace.h"
#include "utils/acl.h"

static inline AclResult
schema_usage_aclcheck(Oid schema, Oid role)
{
	return object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE);
}
#endif

#endif /* TOPOLOGY_COMPAT_H */
