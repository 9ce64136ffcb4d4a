/*
 * full_xid.h
 *		Transaction ids with their epoch.
 */
#ifndef TOPOLOGY_TRAVERSE_FULL_XID_H
#define TOPOLOGY_TRAVERSE_FULL_XID_H

#include "postgres.h"

#include "access/transam.h"

/* The full id of a transaction of a snapshot that is in use. */
static inline uint64
full_xid(TransactionId xid)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32 epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return U64FromFullTransactionId(FullTransactionIdFromEpochAndXid(epoch, xid));
}

#endif /* TOPOLOGY_TRAVERSE_FULL_XID_H */
