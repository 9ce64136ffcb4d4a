/*
 * connection.h
 *		How a background worker connects to a database.
 */
#ifndef TOPOLOGY_WORKER_CONNECTION_H
#define TOPOLOGY_WORKER_CONNECTION_H

#include "postgres.h"

/*
 * Connect this process to a database, as the bootstrap superuser.  Settings of
 * the database or the role that would change what statements mean or how long
 * they may take are overridden for as long as the process lives.
 */
extern void connect_to_database(Oid database);

#endif /* TOPOLOGY_WORKER_CONNECTION_H */
