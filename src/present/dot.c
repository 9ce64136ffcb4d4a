/*
 * dot.c
 *		The map in the DOT language of graphviz.
 *
 * Nodes are n1, n2, ... in order of label; names are only in quoted strings.
 * The width of an edge grows with the logarithm of its requests or connections;
 * exact readings are in its tooltip.  An intermediary is a hexagon, an address
 * nobody owns is dashed, and so is an edge that is not certain.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "present/picture.h"

extern PGDLLEXPORT Datum topology_dot(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(topology_dot);

#define MAX_PEN_WIDTH 4.0

typedef struct dot_style
{
	const char *type; /* of nodes; NULL: any other */
	const char *attributes;
} dot_style;

static const dot_style STYLES[] = {
	{"app", "shape=box, style=\"rounded,filled\", color=\"#1d4ed8\", fillcolor=\"#dbeafe\""},
	{"cluster", "shape=component, style=filled, color=\"#4338ca\", fillcolor=\"#e0e7ff\""},
	{"endpoint", "shape=oval, style=filled, color=\"#047857\", fillcolor=\"#d1fae5\""},
	{"address", "shape=box, style=dashed, color=\"#6b7280\", fontcolor=\"#374151\""},
	{"intermediary", "shape=hexagon, style=filled, color=\"#b45309\", fillcolor=\"#fef3c7\""},
	{"external", "shape=parallelogram, style=filled, color=\"#374151\", fillcolor=\"#f3f4f6\""},
	{NULL, "shape=ellipse, style=filled, color=\"#be185d\", fillcolor=\"#fce7f3\""},
};

static const char *
attributes_of(const picture_node *node)
{
	const dot_style *style = STYLES;

	while (style->type != NULL && strcmp(style->type, node->type) != 0)
		style++;
	return style->attributes;
}

/* DOT reads backslash escapes, and then entities, in a quoted string. */
static void
append_name(StringInfo out, const char *name)
{
	for (const char *c = name; *c != '\0'; c++)
	{
		if (*c == '"' || *c == '\\')
			appendStringInfoChar(out, '\\');
		if (*c == '&')
			appendStringInfoString(out, "&amp;");
		else
			appendStringInfoChar(out, *c);
	}
}

static void
append_node(StringInfo out, const picture *map, int index)
{
	appendStringInfo(out, "\tn%d [label=\"", index + 1);
	append_name(out, map->nodes[index].label);
	appendStringInfo(out, "\", %s%s, tooltip=\"", attributes_of(&map->nodes[index]),
					 index == map->start ? ", penwidth=3" : "");
	append_name(out, map->nodes[index].type);
	appendStringInfoString(out, "\"];\n");
}

static void
append_tooltip(StringInfo out, const picture *map, const picture_edge *edge)
{
	append_name(out, map->nodes[edge->source].label);
	appendStringInfoString(out, " to ");
	append_name(out, map->nodes[edge->target].label);
	if (edge->via != NULL)
	{
		appendStringInfoString(out, " via ");
		append_name(out, edge->via);
	}
	appendStringInfo(out,
					 "\\n" INT64_FORMAT " connections, " INT64_FORMAT " requests, " INT64_FORMAT
					 " errors, " INT64_FORMAT " bytes",
					 edge->connections, edge->requests, edge->errors, edge->bytes);
}

static void
append_edge(StringInfo out, const picture *map, const picture_edge *edge)
{
	double width = 1 + 0.6 * log10(1 + (double) Max(edge->requests, edge->connections));

	appendStringInfo(out, "\tn%d -> n%d [label=\"", edge->source + 1, edge->target + 1);
	picture_append_reading(out, edge);
	appendStringInfo(out, "\", penwidth=%.1f%s, tooltip=\"", Min(width, MAX_PEN_WIDTH),
					 edge->certain ? "" : ", style=dashed");
	append_tooltip(out, map, edge);
	appendStringInfoString(out, "\"];\n");
}

Datum
topology_dot(PG_FUNCTION_ARGS)
{
	picture *map = picture_load(fcinfo);
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out,
						   "digraph topology {\n"
						   "\tgraph [rankdir=LR, charset=\"UTF-8\"];\n"
						   "\tnode [fontname=\"Helvetica\", fontsize=11];\n"
						   "\tedge [fontname=\"Helvetica\", fontsize=9, color=\"#4b5563\"];\n");
	for (int i = 0; i < map->node_count; i++)
		append_node(&out, map, i);
	for (int i = 0; i < map->edge_count; i++)
		append_edge(&out, map, &map->edges[i]);
	appendStringInfoString(&out, "}\n");
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
