/*
 * pack_error.h
 *		Packs that are damaged, in the server.
 */
#ifndef TOPOLOGY_STORE_PACK_ERROR_H
#define TOPOLOGY_STORE_PACK_ERROR_H

#include "postgres.h"

/*
 * Raise ERRCODE_DATA_CORRUPTED where there is a problem: it is NULL, or the rest of a
 * sentence that starts with "The " and the subject.
 */
extern void pack_refuse_damage(const char *problem, const char *subject);

#endif /* TOPOLOGY_STORE_PACK_ERROR_H */
