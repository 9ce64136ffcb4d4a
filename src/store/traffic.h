/*
 * traffic.h
 *		The SQL type topo.traffic, for the other parts in the server.
 *
 * A Datum of the type is a varlena whose data are the bytes that
 * traffic_value.h describes; equal values have equal bytes.
 *
 * To build a value: traffic_value_init() in a context of yours, add to it with
 * the functions of traffic_value.h (which here raise when memory ends, so that
 * their answers need no look), traffic_form(), traffic_value_clear().
 */
#ifndef TOPOLOGY_STORE_TRAFFIC_H
#define TOPOLOGY_STORE_TRAFFIC_H

#include "postgres.h"

#include "compat.h"

#include "store/traffic_value.h"

/*
 * An empty value whose buckets are allocated in context, as they come.  It ends
 * with the context or, earlier, with traffic_value_clear().
 */
extern void traffic_value_init(traffic_value *value, MemoryContext context);

/* Memory of a context, for what allocates without knowing the server; it raises when there is none.
 */
extern sketch_allocator traffic_allocator(MemoryContext context);

/* The value as a Datum's varlena, allocated in the current context; value keeps its memory. */
extern struct varlena *traffic_form(const traffic_value *value);

/*
 * Expand a varlena (short header or long, but detoasted) into value, which is
 * initialised here; its buckets are in the current context.  Raises
 * ERRCODE_DATA_CORRUPTED when the bytes are not of this type.
 */
extern void traffic_deform(const struct varlena *traffic, traffic_value *value);

/* The counters alone; cheaper, and allocates nothing.  Raises as traffic_deform() does. */
extern void traffic_deform_counters(const struct varlena *traffic,
									int64 counters[TRAFFIC_COUNTERS]);

/* The argument of an SQL function, detoasted where it must be. */
static inline struct varlena *
traffic_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(number));
}

#endif /* TOPOLOGY_STORE_TRAFFIC_H */
