/*
 * request.h
 *		The arguments that the functions of traversal share: checked, and turned
 *		from names into ids.
 *
 * Each reads one argument of a call (index counts from 0) into a request, and
 * raises invalid_parameter_value or undefined_object, with a hint, for one that
 * cannot be.  All need a connection to SPI, and allocate in
 * CurrentMemoryContext.
 */
#ifndef TOPOLOGY_TRAVERSE_REQUEST_H
#define TOPOLOGY_TRAVERSE_REQUEST_H

#include "fmgr.h"
#include "traverse/node_properties.h"
#include "traverse/traverse.h"

/* A step of a search whose every depth has settings of its own. */
typedef struct hop
{
	edge_scope scope;
	node_filter *filter; /* or NULL */
} hop;

typedef struct traverse_request
{
	int64 *start;
	size_t start_count;
	bool start_clusters; /* a start node is a cluster */
	edge_scope scope;
	int32 max_depth; /* or -1 */
	node_filter *filter;
	hop *hops; /* NULL: all depths are alike */
	int hop_count;
	time_budget budget;
	node_properties *properties; /* to be returned; NULL: none */
} traverse_request;

/* A request for everything: no bounds, no filter, live, out. */
extern void request_init(traverse_request *request);

extern void request_start(traverse_request *request, FunctionCallInfo fcinfo, int index);
extern void request_direction(traverse_request *request, FunctionCallInfo fcinfo, int index);
extern void request_graphs(traverse_request *request, FunctionCallInfo fcinfo, int index);
extern void request_during(traverse_request *request, FunctionCallInfo fcinfo, int index);
extern void request_edge_types(traverse_request *request, FunctionCallInfo fcinfo, int index);
extern void request_filter(traverse_request *request, FunctionCallInfo fcinfo, int index);
extern void request_edge_order(traverse_request *request, FunctionCallInfo fcinfo, int index);

/* After the start nodes, which decide where the argument is NULL. */
extern void request_level(traverse_request *request, FunctionCallInfo fcinfo, int index);

/* The same from words, and from a text[] of names. */
extern edge_direction request_direction_named(const char *word);
extern edge_order request_edge_order_named(const char *word);
extern void request_follow_types(edge_scope *scope, Datum names);

/* The time that the search may take from now on. */
extern void request_time_limit(traverse_request *request, FunctionCallInfo fcinfo, int index);

extern void request_properties(traverse_request *request, FunctionCallInfo fcinfo, int index);

/* Whether a flag is set; NULL: it is not. */
extern bool request_flag(FunctionCallInfo fcinfo, int index);

/* A count, or -1 for NULL; name is the argument's, for the error. */
extern int32 request_count(FunctionCallInfo fcinfo, int index, const char *name);

/* The id of one node; name is the argument's, for the error. */
extern int64 request_node(traverse_request *request, FunctionCallInfo fcinfo, int index,
						  const char *name);

#endif /* TOPOLOGY_TRAVERSE_REQUEST_H */
