/*
 * row_identity.c
 *		Which rows were read, in 128 bits.
 */
#include "postgres.h"

#include "memo/row_identity.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/syscache.h"

static inline uint64
mixed(uint64 number)
{
	number ^= number >> 33;
	number *= UINT64CONST(0xff51afd7ed558ccd);
	number ^= number >> 33;
	number *= UINT64CONST(0xc4ceb9fe1a85ec53);
	return number ^ (number >> 33);
}

memo_key
row_identity_of_bytes(const void *bytes, size_t length)
{
	return (memo_key){.high = hash_bytes_extended(bytes, (int) length, 1),
					  .low = hash_bytes_extended(bytes, (int) length, 2)};
}

memo_key
row_identity_key(memo_key rows, memo_key question)
{
	return (memo_key){.high = mixed(rows.high + question.high),
					  .low = mixed(rows.low ^ mixed(question.low))};
}

/* The file changes when a table is rewritten, and its rows change places. */
static void
look_up_table(row_identities *identities, Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Form_pg_class class;
	Oid names[3] = {MyDatabaseId, relation};

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	class = (Form_pg_class) GETSTRUCT(tuple);
	names[2] = class->relfilenode;
	identities->relation = relation;
	identities->heap = class->relkind == RELKIND_RELATION && class->relam == HEAP_TABLE_AM_OID;
	identities->table = row_identity_of_bytes(names, sizeof(names));
	ReleaseSysCache(tuple);
}

bool
row_identity_add(row_identities *identities, memo_key *sum, Oid relation,
				 const ItemPointerData *place, TransactionId writer)
{
	uint64 at = (uint64) ItemPointerGetBlockNumberNoCheck(place) << 16 |
				ItemPointerGetOffsetNumberNoCheck(place);

	if (relation != identities->relation)
		look_up_table(identities, relation);
	if (!identities->heap || !TransactionIdIsNormal(writer) ||
		TransactionIdIsCurrentTransactionId(writer))
		return false;
	sum->high += mixed(mixed(identities->table.high ^ at) + writer);
	sum->low += mixed(mixed(identities->table.low ^ writer) + at);
	return true;
}
