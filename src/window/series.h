/*
 * series.h
 *		Traffic between some nodes, by bucket of a series of steps.
 *
 * Traffic of all graphs comes together by bucket; that of trace is kept apart, since it
 * counts only where ipc has no requests.  A bucket without traffic takes 24 bytes.
 */
#ifndef TOPOLOGY_WINDOW_SERIES_H
#define TOPOLOGY_WINDOW_SERIES_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "store/traffic.h"

/* Some nodes, in order of id. */
typedef struct node_choice
{
	bool any; /* all nodes there are */
	int count;
	int64 *ids;
} node_choice;

typedef struct series_bucket
{
	traffic_value *others; /* NULL: none */
	traffic_value *trace;
	bool told; /* ipc has requests */
} series_bucket;

typedef struct series
{
	node_choice sources;
	node_choice targets;
	int count;                 /* of buckets */
	const TimestampTz *begins; /* of buckets, and the end of the last */
	series_bucket *buckets;
	MemoryContext memory;
} series;

/* A series without traffic, in the CurrentMemoryContext. */
extern void series_begin(series *s, node_choice sources, node_choice targets,
						 const TimestampTz *begins, int count);

extern bool node_choice_has(const node_choice *choice, int64 node);

/* Whether any of the nodes is between two ids, these included. */
extern bool node_choice_meets(const node_choice *choice, int64 first, int64 last);

/* Add traffic of a graph to the bucket of a window that begins then. */
extern void series_add(series *s, const char *graph, TimestampTz begin,
					   const traffic_value *traffic);

/* The traffic of a bucket, with calls counted once; NULL: none. */
extern const traffic_value *series_total(series_bucket *bucket);

#endif /* TOPOLOGY_WINDOW_SERIES_H */
