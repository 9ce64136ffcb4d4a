/*
 * edges_asked.h
 *		What a question for edges asks for: which graphs, at which level.
 *
 * Bad input is refused by the functions of SQL that say what is good.  Needs SPI; all is
 * allocated in the current memory context.
 */
#ifndef TOPOLOGY_WINDOW_EDGES_ASKED_H
#define TOPOLOGY_WINDOW_EDGES_ASKED_H

#include "postgres.h"

#include "fmgr.h"

typedef struct asked_graph
{
	char *name;
	char *schema;
} asked_graph;

typedef struct edges_asked
{
	char level; /* 'a' or 'c' */
	int count;
	int room;
	asked_graph *graphs; /* in order of name */
	Datum *labels;       /* their names, as text */
} edges_asked;

/* From the arguments of a function: graphs text[], level text. */
extern void edges_asked_read(edges_asked *asked, FunctionCallInfo fcinfo, int graphs, int level);

#endif /* TOPOLOGY_WINDOW_EDGES_ASKED_H */
