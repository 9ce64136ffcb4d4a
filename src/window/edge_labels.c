/*
 * edge_labels.c
 *		What edges of a merged map have in common, as values of SQL.
 */
#include "postgres.h"

#include "window/edge_labels.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "store/query.h"

typedef enum label_state
{
	LABEL_UNKNOWN = 0,
	LABEL_NONE,
	LABEL_THERE
} label_state;

/* What was made of a set. */
typedef struct set_label
{
	Datum value;
	label_state state;
} set_label;

typedef struct set_labels
{
	set_label *labels; /* by set */
	uint32 room;
} set_labels;

struct edge_labels
{
	MemoryContext memory;
	const window_merge *merge;
	const Datum *graphs;
	set_labels of_graphs;
	set_labels of_ways;
};

edge_labels *
edge_labels_create(const window_merge *merge, const Datum *graphs)
{
	edge_labels *labels = palloc0(sizeof(*labels));

	labels->memory = CurrentMemoryContext;
	labels->merge = merge;
	labels->graphs = graphs;
	return labels;
}

static set_label *
label_of(const edge_labels *labels, set_labels *known, id_set set)
{
	if (set >= known->room)
	{
		uint32 room = Max(id_sets_count(labels->merge->sets), 2 * known->room);
		set_label *grown = MemoryContextAllocExtended(labels->memory, room * sizeof(set_label),
													  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

		if (known->labels != NULL)
		{
			memcpy(grown, known->labels, known->room * sizeof(set_label));
			pfree(known->labels);
		}
		known->labels = grown;
		known->room = room;
	}
	return &known->labels[set];
}

Datum
edge_labels_graphs(edge_labels *labels, id_set graphs)
{
	set_label *label = label_of(labels, &labels->of_graphs, graphs);
	MemoryContext old;
	const uint32 *numbers;
	uint32 count;
	Datum *names;

	if (label->state == LABEL_THERE)
		return label->value;
	numbers = id_sets_members(labels->merge->sets, graphs, &count);
	old = MemoryContextSwitchTo(labels->memory);
	names = palloc(Max(count, 1) * sizeof(Datum));
	for (uint32 i = 0; i < count; i++)
		names[i] = labels->graphs[numbers[i]];
	label->value =
		PointerGetDatum(construct_array(names, (int) count, TEXTOID, -1, false, TYPALIGN_INT));
	label->state = LABEL_THERE;
	pfree(names);
	MemoryContextSwitchTo(old);
	return label->value;
}

static const char VIA_QUERY[] = "SELECT topo.via_labels($1)";

/* Where the answer goes. */
typedef struct via_sink
{
	MemoryContext memory;
	set_label *label;
} via_sink;

static void
take_via(void *context, TupleTableSlot *slot)
{
	via_sink *sink = context;
	MemoryContext old = MemoryContextSwitchTo(sink->memory);

	sink->label->state = slot->tts_isnull[0] ? LABEL_NONE : LABEL_THERE;
	if (!slot->tts_isnull[0])
		sink->label->value = datumCopy(slot->tts_values[0], false, -1);
	MemoryContextSwitchTo(old);
}

static void
ask_via(edge_labels *labels, id_set ways, set_label *label)
{
	via_sink sink = {labels->memory, label};
	uint32 count;
	const uint32 *numbers = id_sets_members(labels->merge->sets, ways, &count);
	query_args args = {.count = 1,
					   .types = {TEXTARRAYOID},
					   .values = {ways_texts(labels->merge->ways, numbers, count)}};

	query_run(query_prepare(VIA_QUERY, 1, args.types, QUERY_ONCE), &args, take_via, &sink);
}

bool
edge_labels_via(edge_labels *labels, id_set ways, Datum *via)
{
	set_label *label;

	if (ways == ID_SET_EMPTY)
		return false;
	label = label_of(labels, &labels->of_ways, ways);
	if (label->state == LABEL_UNKNOWN)
		ask_via(labels, ways, label);
	*via = label->value;
	return label->state == LABEL_THERE;
}
