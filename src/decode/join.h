/*
 * join.h
 *		Names made of two texts.
 */
#ifndef TOPOLOGY_DECODE_JOIN_H
#define TOPOLOGY_DECODE_JOIN_H

#include "flow/flow.h"

/*
 * first, separator and second, in room of size bytes.  One that is absent or
 * empty leaves the other as it is; what does not fit is absent, since a name
 * that is cut may be another's.
 */
extern flow_text decode_join(flow_text first, const char *separator, flow_text second, char *room,
							 size_t size);

#endif /* TOPOLOGY_DECODE_JOIN_H */
