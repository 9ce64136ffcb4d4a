/*
 * row_identity.h
 *		Which rows were read, in 128 bits.
 *
 * A row is known by its database, its table and the file that this is in, its place there
 * and the transaction that wrote it: no two rows that were ever committed have all of
 * these alike, unless four billion transactions lie between them.  Rows are summed up as
 * hashes, in any order: equal sums mean the same rows, and so the same contents.
 *
 * Some have no identity: rows of the caller's own transaction, which may put others in
 * their place, and rows of tables that are no heaps of this server.
 */
#ifndef TOPOLOGY_MEMO_ROW_IDENTITY_H
#define TOPOLOGY_MEMO_ROW_IDENTITY_H

#include "postgres.h"

#include "storage/itemptr.h"
#include "memo/memo_ring.h"

/* What is known of the table whose rows came last.  Zeroes to begin with. */
typedef struct row_identities
{
	Oid relation;
	bool heap;
	memo_key table;
} row_identities;

/* Add a row to a sum; false: it has no identity, and the sum is of no use. */
extern bool row_identity_add(row_identities *identities, memo_key *sum, Oid relation,
							 const ItemPointerData *place, TransactionId writer);

/* The key of what was asked, given as bytes, of the rows that a sum stands for. */
extern memo_key row_identity_key(memo_key rows, memo_key question);
extern memo_key row_identity_of_bytes(const void *bytes, size_t length);

#endif /* TOPOLOGY_MEMO_ROW_IDENTITY_H */
