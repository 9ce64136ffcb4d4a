/*
 * srf.c
 *		What the set-returning functions of traversal share.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "traverse/srf.h"

static ArrayType *
make_array(const edge_scope *scope, uint64 graphs)
{
	Datum names[EDGE_MAX_GRAPHS];
	int count = 0;

	for (int i = 0; i < scope->graph_count; i++)
		if (graphs & (UINT64CONST(1) << i))
			names[count++] = CStringGetTextDatum(scope->graphs[i].name);
	return construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT);
}

Datum
graph_names_array(graph_names *names, uint64 graphs)
{
	if (names->array == NULL || names->graphs != graphs)
	{
		if (names->array != NULL)
			pfree(names->array);
		names->array = make_array(names->scope, graphs);
		names->graphs = graphs;
	}
	return PointerGetDatum(names->array);
}
