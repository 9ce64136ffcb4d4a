/*
 * otlp_tree.h
 *		What traces and metrics of OTLP have in common, JSON.
 */
#ifndef TOPOLOGY_DECODE_OTLP_TREE_H
#define TOPOLOGY_DECODE_OTLP_TREE_H

#include "decode/json_fields.h"
#include "decode/otlp_meaning.h"

/*
 * A request being read.  The context of every json_decoder within it points to
 * this; a decoder of traces or metrics begins with it.
 */
typedef struct otlp_tree
{
	const json_object *request; /* resourceSpans or resourceMetrics, by otlp_tree_groups */
	const json_object *group;   /* resource by otlp_tree_resource, scopeSpans by otlp_tree_scopes */
	const json_object *scope;   /* spans or metrics */
	otlp_resource resource;     /* of the group at hand */
	json_position scopes;       /* of the group at hand, to be read after its resource */
	bool has_scopes;
	uint8_t none; /* what fields set that set nothing of their own */
	const json_field *scopes_field;
} otlp_tree;

/* The bit of json_decoder.has for a resource that has been read. */
#define OTLP_TREE_HAS_RESOURCE 1

/* Readers of the fields above, which are members of otlp_tree. */
extern bool otlp_tree_groups(json_decoder *decoder, const json_field *field, json_event event);
extern bool otlp_tree_resource(json_decoder *decoder, const json_field *field, json_event event);
extern bool otlp_tree_scopes(json_decoder *decoder, const json_field *field, json_event event);

/* Rows of tables for these. */
#define OTLP_TREE_LIST(prefix, name, read)                                                         \
	JSON_FIELD_OF_READER(prefix, name, read, OTLP_TREE_ARRAY, otlp_tree, none, 0)
#define OTLP_TREE_SCOPES(prefix, name)                                                             \
	JSON_FIELD_OF_READER(prefix, name, otlp_tree_scopes, OTLP_TREE_ARRAY, otlp_tree, has_scopes, 0)
#define OTLP_TREE_RESOURCE(prefix)                                                                 \
	JSON_FIELD_OF_READER(prefix, "resource", otlp_tree_resource, OTLP_TREE_OBJECT, otlp_tree,      \
						 none, OTLP_TREE_HAS_RESOURCE)

#define OTLP_TREE_ARRAY  "must be an array of objects"
#define OTLP_TREE_OBJECT "must be an object"

/* Read an array of KeyValue into attributes; path is the field's. */
extern bool otlp_tree_attributes(json_decoder *decoder, const json_field *field, json_event event,
								 otlp_attributes *attributes);

/*
 * Read a payload: any number of requests, one after another, each of at most
 * DECODE_MAX_MESSAGE bytes.  False: error is filled, its line too.
 */
extern bool otlp_tree_read(const char *payload, size_t length, otlp_tree *tree,
						   decode_error *error);

/* A time in nanoseconds; refuses what is negative. */
extern bool otlp_tree_time(json_decoder *decoder, const json_field *field, json_event event);
#define OTLP_TREE_TIME "must be Unix nanoseconds of at most 63 bits"

#endif /* TOPOLOGY_DECODE_OTLP_TREE_H */
