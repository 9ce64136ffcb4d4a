/*
 * mermaid.c
 *		The map as a Mermaid flowchart, as GitHub and others draw it.
 *
 * Nodes are n1, n2, ... in order of label, so no name can be taken for syntax.
 * A name goes into a quoted string in which all but plain characters are
 * written as numeric entity codes.  An intermediary is a hexagon and an address
 * nobody owns is dashed; an edge that is not certain is dotted.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "present/picture.h"

extern PGDLLEXPORT Datum topology_mermaid(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(topology_mermaid);

typedef struct mermaid_style
{
	const char *type; /* of nodes; NULL: any other */
	const char *name; /* of the class */
	const char *open;
	const char *close;
	const char *css;
} mermaid_style;

static const mermaid_style STYLES[] = {
	{"app", "app", "[", "]", "fill:#dbeafe,stroke:#1d4ed8,color:#111"},
	{"cluster", "cluster", "[[", "]]", "fill:#e0e7ff,stroke:#4338ca,color:#111"},
	{"endpoint", "endpoint", "([", "])", "fill:#d1fae5,stroke:#047857,color:#111"},
	{"address", "address", "[", "]", "fill:#fff,stroke:#6b7280,color:#374151,stroke-dasharray:4 3"},
	{"intermediary", "intermediary", "{{", "}}", "fill:#fef3c7,stroke:#b45309,color:#111"},
	{"external", "external", "[/", "/]", "fill:#f3f4f6,stroke:#374151,color:#111"},
	{NULL, "other", "(", ")", "fill:#fce7f3,stroke:#be185d,color:#111"},
};

static const mermaid_style *
style_of(const picture_node *node)
{
	const mermaid_style *style = STYLES;

	while (style->type != NULL && strcmp(style->type, node->type) != 0)
		style++;
	return style;
}

static bool
is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		   IS_HIGHBIT_SET(c) || strchr(" -_./:,()", c) != NULL;
}

/*
 * Mermaid takes "style...:...#...;" in a line for a style and spoils the entity
 * in it, so a name that needs any entity has its colons as entities too.
 */
static void
append_name(StringInfo out, const char *name)
{
	bool all_plain = true;

	for (const char *c = name; *c != '\0'; c++)
		all_plain = all_plain && is_plain(*c);
	for (const char *c = name; *c != '\0'; c++)
	{
		if (is_plain(*c) && (all_plain || *c != ':'))
			appendStringInfoChar(out, *c);
		else
			appendStringInfo(out, "#%d;", *c);
	}
}

static void
append_node(StringInfo out, const picture *map, int index)
{
	const mermaid_style *style = style_of(&map->nodes[index]);

	appendStringInfo(out, "    n%d%s\"", index + 1, style->open);
	append_name(out, map->nodes[index].label);
	appendStringInfo(out, "\"%s:::%s\n", style->close, style->name);
}

static void
append_edge(StringInfo out, const picture_edge *edge)
{
	StringInfoData reading;

	initStringInfo(&reading);
	picture_append_reading(&reading, edge);
	if (edge->via != NULL)
	{
		appendStringInfo(&reading, "%svia ", reading.len > 0 ? " " : "");
		append_name(&reading, edge->via);
	}
	appendStringInfo(out, "    n%d %s", edge->source + 1, edge->certain ? "-->" : "-.->");
	if (reading.len > 0)
		appendStringInfo(out, "|\"%s\"|", reading.data);
	appendStringInfo(out, " n%d\n", edge->target + 1);
	pfree(reading.data);
}

static void
append_classes(StringInfo out, const picture *map)
{
	for (int s = 0; s < lengthof(STYLES); s++)
	{
		for (int i = 0; i < map->node_count; i++)
		{
			if (style_of(&map->nodes[i]) != &STYLES[s])
				continue;
			appendStringInfo(out, "    classDef %s %s\n", STYLES[s].name, STYLES[s].css);
			break;
		}
	}
	if (map->start >= 0)
		appendStringInfo(out, "    style n%d stroke-width:3px\n", map->start + 1);
}

Datum
topology_mermaid(PG_FUNCTION_ARGS)
{
	picture *map = picture_load(fcinfo);
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "flowchart LR\n");
	for (int i = 0; i < map->node_count; i++)
		append_node(&out, map, i);
	for (int i = 0; i < map->edge_count; i++)
		append_edge(&out, &map->edges[i]);
	append_classes(&out, map);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
