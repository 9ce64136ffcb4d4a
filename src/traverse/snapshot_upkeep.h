/*
 * snapshot_upkeep.h
 *		What the snapshotter of a database does from time to time.
 */
#ifndef TOPOLOGY_TRAVERSE_SNAPSHOT_UPKEEP_H
#define TOPOLOGY_TRAVERSE_SNAPSHOT_UPKEEP_H

#include "postgres.h"

#include "datatype/timestamp.h"

/*
 * Forget graphs that are gone, delete the changes that no snapshot lacks any
 * more, and count those that are left.  In a transaction with SPI.
 */
extern void snapshot_keep_up(void);

/*
 * A graph whose snapshot is to be taken now, and the number of the last request
 * for it; or InvalidOid, and in *later when one will be, or 0.
 */
extern Oid snapshot_next_due(uint64 *request, TimestampTz *later);

#endif /* TOPOLOGY_TRAVERSE_SNAPSHOT_UPKEEP_H */
