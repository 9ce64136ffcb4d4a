/*
 * snapshot_names.c
 *		The names of a graph's nodes, for its snapshot.
 *
 * Labels and types are kept as varlenas that may be handed to the executor as
 * they are, with a header of one byte where they are short.  What does not fit
 * (labels beyond a gigabyte, types beyond 65,535) is left out: such nodes are
 * looked up in topo.node when they are named.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "store/ascending.h"
#include "traverse/closed_nodes.h"
#include "traverse/node_names.h"
#include "store/query.h"
#include "traverse/snapshot_names.h"

/* Room that a text may still be added in. */
#define TEXTS_LIMIT (MaxAllocSize - 4096)

/* A type that was met, in the order in which they were. */
typedef struct node_kind
{
	text *type;
	uint32 place;
} node_kind;

struct snapshot_names
{
	const int64 *ids;
	uint32 count;
	StringInfoData texts;
	uint32 *labels;
	uint16 *kinds;
	uint32 *order;  /* the nodes by their labels; those without come last */
	uint64 *closed; /* a bit each */
	bool has_closed;
	node_kind *types;
	uint32 type_count;
	MemoryContext memory;
};

static kept_query names_query = {
	.text = "SELECT id, type, name FROM topo.node WHERE id = ANY ($1)",
	.arg_count = 1,
	.arg_types = {INT8ARRAYOID},
};

/* Append a text in the shortest form; returns its place. */
static uint32
append_varlena(StringInfo texts, const text *value)
{
	Size length = VARSIZE_ANY_EXHDR(value);
	uint32 place;

	if (length + VARHDRSZ_SHORT <= VARATT_SHORT_MAX)
	{
		char header;

		SET_VARSIZE_SHORT(&header, length + VARHDRSZ_SHORT);
		place = texts->len;
		appendBinaryStringInfo(texts, &header, 1);
	}
	else
	{
		char room[VARHDRSZ] = {0};

		while (texts->len % sizeof(uint32) != 0)
			appendStringInfoCharMacro(texts, '\0');
		place = texts->len;
		appendBinaryStringInfo(texts, room, VARHDRSZ);
		SET_VARSIZE(texts->data + place, length + VARHDRSZ);
	}
	appendBinaryStringInfo(texts, VARDATA_ANY(value), length);
	return place;
}

static bool
is_same(const text *a, const text *b)
{
	Size size = VARSIZE_ANY_EXHDR(a);

	return VARSIZE_ANY_EXHDR(b) == size && memcmp(VARDATA_ANY(a), VARDATA_ANY(b), size) == 0;
}

/* The place of a type among those that were met; UINT16_MAX: there are too many. */
static uint16
find_kind(snapshot_names *names, const text *type)
{
	for (uint32 i = 0; i < names->type_count; i++)
		if (is_same(names->types[i].type, type))
			return (uint16) i;
	if (names->type_count == UINT16_MAX)
		return UINT16_MAX;
	if ((names->type_count & (names->type_count - 1)) == 0)
		names->types = repalloc(names->types, 2 * Max(1, names->type_count) * sizeof(node_kind));
	names->types[names->type_count] = (node_kind){
		.type = cstring_to_text_with_len(VARDATA_ANY(type), (int) VARSIZE_ANY_EXHDR(type)),
		.place = append_varlena(&names->texts, type),
	};
	return (uint16) names->type_count++;
}

static void
take_name(void *context, TupleTableSlot *slot)
{
	snapshot_names *names = context;
	uint32 node =
		(uint32) ascending_below(names->ids, names->count, DatumGetInt64(slot->tts_values[0]));
	text *type = DatumGetTextPP(slot->tts_values[1]);
	MemoryContext old = MemoryContextSwitchTo(names->memory);
	text *label = node_label_make(type, DatumGetTextPP(slot->tts_values[2]));

	if (closed_nodes_are(type))
	{
		names->closed[node / 64] |= UINT64CONST(1) << (node % 64);
		names->has_closed = true;
	}
	if (names->texts.len < TEXTS_LIMIT)
	{
		names->kinds[node] = find_kind(names, type);
		if (names->kinds[node] != UINT16_MAX)
			names->labels[node] = append_varlena(&names->texts, label);
	}
	pfree(label);
	MemoryContextSwitchTo(old);
}

/* So that no text has the place that says that there is none. */
static void
begin_texts(StringInfo texts)
{
	initStringInfo(texts);
	appendStringInfoCharMacro(texts, '\0');
}

static snapshot_names *
begin_names(const int64 *ids, uint32 count)
{
	snapshot_names *names = palloc0(sizeof(snapshot_names));

	names->ids = ids;
	names->count = count;
	names->memory = CurrentMemoryContext;
	names->types = palloc(sizeof(node_kind));
	names->labels = MemoryContextAllocHuge(names->memory, (count + 1) * sizeof(uint32));
	names->kinds = MemoryContextAllocHuge(names->memory, (count + 1) * sizeof(uint16));
	names->closed = MemoryContextAllocExtended(names->memory, (count / 64 + 1) * sizeof(uint64),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	memset(names->labels, 0, count * sizeof(uint32));
	memset(names->kinds, 0, count * sizeof(uint16));
	begin_texts(&names->texts);
	return names;
}

static const text *
label_at(const char *texts, uint32 place)
{
	return (const text *) (texts + place);
}

static int
compare_labels(const void *a, const void *b, void *context)
{
	const snapshot_names *names = context;
	uint32 left = names->labels[*(const uint32 *) a];
	uint32 right = names->labels[*(const uint32 *) b];

	if (left == CSR_NO_LABEL || right == CSR_NO_LABEL)
		return (left == CSR_NO_LABEL) - (right == CSR_NO_LABEL);
	return node_label_compare(label_at(names->texts.data, left),
							  label_at(names->texts.data, right));
}

static void
order_labels(snapshot_names *names)
{
	names->order = MemoryContextAllocHuge(names->memory, (names->count + 1) * sizeof(uint32));
	for (uint32 node = 0; node < names->count; node++)
		names->order[node] = node;
	qsort_arg(names->order, names->count, sizeof(uint32), compare_labels, names);
}

/* Put the texts in the order of labels, in which they are read. */
static void
order_texts(snapshot_names *names)
{
	StringInfoData read = names->texts;

	begin_texts(&names->texts);
	for (uint32 i = 0; i < names->type_count; i++)
		names->types[i].place = append_varlena(&names->texts, names->types[i].type);
	for (uint32 i = 0; i < names->count; i++)
	{
		uint32 *label = &names->labels[names->order[i]];

		if (*label != CSR_NO_LABEL)
			*label = append_varlena(&names->texts, label_at(read.data, *label));
	}
	pfree(read.data);
}

snapshot_names *
snapshot_names_read(const int64 *ids, uint32 count)
{
	snapshot_names *names = begin_names(ids, count);

	for (uint32 begin = 0; begin < count; begin += QUERY_CHUNK)
	{
		ArrayType *chunk = query_bigint_array(ids + begin, Min(QUERY_CHUNK, count - begin));
		query_args args = {.count = 1, .values = {PointerGetDatum(chunk)}};

		CHECK_FOR_INTERRUPTS();
		query_run_kept(&names_query, &args, take_name, names);
		pfree(chunk);
	}
	order_labels(names);
	order_texts(names);
	return names;
}

static uint32
count_unnamed(const snapshot_names *names)
{
	uint32 count = 0;

	for (uint32 node = 0; node < names->count; node++)
		count += names->labels[node] == CSR_NO_LABEL;
	return count;
}

void
snapshot_names_shape(const snapshot_names *names, csr_shape *shape)
{
	shape->node_type_count = names->type_count;
	shape->unnamed_count = count_unnamed(names);
	shape->has_closed = names->has_closed;
	shape->texts_size = names->texts.len;
}

static void
fill_unnamed(const snapshot_names *names, uint32 *unnamed)
{
	uint32 count = 0;

	for (uint32 node = 0; node < names->count; node++)
		if (names->labels[node] == CSR_NO_LABEL)
			unnamed[count++] = node;
}

static void
fill_kinds(const snapshot_names *names, csr_header *csr)
{
	void *kinds = csr_place(csr, csr->node_kinds);

	if (csr_kind_width(csr->node_type_count) == sizeof(uint16))
		memcpy(kinds, names->kinds, names->count * sizeof(uint16));
	else
		for (uint32 node = 0; node < names->count; node++)
			((uint8 *) kinds)[node] = (uint8) names->kinds[node];
}

void
snapshot_names_fill(const snapshot_names *names, csr_header *csr)
{
	uint32 *types = csr_place(csr, csr->node_types);
	uint32 *ranks = csr_place(csr, csr->ranks);

	memcpy(csr_place(csr, csr->labels), names->labels, names->count * sizeof(uint32));
	fill_kinds(names, csr);
	memcpy(csr_place(csr, csr->texts), names->texts.data, names->texts.len);
	for (uint32 i = 0; i < names->type_count; i++)
		types[i] = names->types[i].place;
	if (names->has_closed)
		memcpy(csr_place(csr, csr->closed), names->closed,
			   (names->count / 64 + 1) * sizeof(uint64));
	fill_unnamed(names, csr_place(csr, csr->unnamed));
	for (uint32 rank = 0; rank < names->count; rank++)
		ranks[names->order[rank]] = rank;
}
