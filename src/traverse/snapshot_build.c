/*
 * snapshot_build.c
 *		Takes the snapshot of a graph.
 *
 * One transaction of isolation level REPEATABLE READ reads all: the table of
 * links once, from end to end, then the names of the nodes that are in it, by id.
 * Edges are held as numbers of their nodes in the order of appearance; when all
 * are known the segment is laid out, and filled by counting.  Everything private
 * is in one memory context, which goes with the transaction.
 *
 * The triggers that note changes must be the same before the transaction's
 * snapshot was taken and after the last row was read: then whatever is not in it
 * is noted.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/dsm.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "traverse/csr.h"
#include "traverse/full_xid.h"
#include "traverse/link_delta.h"
#include "traverse/numbering.h"
#include "traverse/snapshot_build.h"
#include "traverse/snapshot_names.h"
#include "traverse/snapshot_store.h"

/* Edges of one level, in a growing array. */
typedef struct edge_vector
{
	csr_edge *edges;
	uint64 count;
	uint64 capacity;
} edge_vector;

typedef struct build
{
	Oid link;
	Oid node;
	Snapshot snapshot;
	bool is_there; /* else it was rolled back, or is not committed yet */
	uint64 link_signature;
	uint64 node_signature;
	numbering *ids;
	numbering *types;
	edge_vector levels[CSR_LEVELS];
	int64 *sorted_ids;
	int64 *sorted_types;
	snapshot_names *names;
	csr_shape shape;
} build;

/* The places of the columns of a table of links, which may have been altered. */
typedef struct link_columns
{
	int level;
	int source;
	int target;
	int type;
} link_columns;

static void
push_edge(edge_vector *vector, uint32 source, uint32 target, uint32 type)
{
	if (vector->count == vector->capacity)
	{
		uint64 capacity = Max(4096, vector->capacity * 2);
		Size size = capacity * sizeof(csr_edge);

		vector->edges = vector->edges == NULL ? MemoryContextAllocHuge(CurrentMemoryContext, size)
											  : repalloc_huge(vector->edges, size);
		vector->capacity = capacity;
	}
	vector->edges[vector->count++] = (csr_edge){.source = source, .target = target, .type = type};
}

static link_columns
find_columns(Relation relation)
{
	TupleDesc desc = RelationGetDescr(relation);
	link_columns columns = {SPI_fnumber(desc, "level"), SPI_fnumber(desc, "src"),
							SPI_fnumber(desc, "dst"), SPI_fnumber(desc, "type")};

	if (columns.level <= 0 || columns.source <= 0 || columns.target <= 0 || columns.type <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" is none of links", RelationGetRelationName(relation))));
	return columns;
}

static void
take_row(build *self, const link_columns *columns, TupleTableSlot *slot)
{
	const Datum *values = slot->tts_values;
	int level = DatumGetChar(values[columns->level - 1]) == 'c';
	uint32 source = numbering_number(self->ids, DatumGetInt64(values[columns->source - 1]));
	uint32 target = numbering_number(self->ids, DatumGetInt64(values[columns->target - 1]));
	uint32 type = numbering_number(self->types, DatumGetInt32(values[columns->type - 1]));

	push_edge(&self->levels[level], source, target, type);
}

static void
read_links(build *self)
{
	Relation relation = table_open(self->link, AccessShareLock);
	link_columns columns = find_columns(relation);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	TableScanDesc scan = table_beginscan(relation, self->snapshot, 0, NULL);
	uint64 rows = 0;

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		if (++rows % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		take_row(self, &columns, slot);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(relation, NoLock);
}

static void
check_counts(const build *self)
{
	for (int i = 0; i < CSR_LEVELS; i++)
		if (self->levels[i].count >= UINT32_MAX)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("the graph has too many links for a snapshot")));
}

/* From numbers in the order of appearance to places in the order of ids. */
static void
order_nodes_and_types(build *self)
{
	uint32 node_count = numbering_count(self->ids);
	uint32 type_count = numbering_count(self->types);
	uint32 *nodes = MemoryContextAllocHuge(CurrentMemoryContext, (node_count + 1) * sizeof(uint32));
	uint32 *types = palloc((type_count + 1) * sizeof(uint32));

	self->sorted_ids =
		MemoryContextAllocHuge(CurrentMemoryContext, (node_count + 1) * sizeof(int64));
	self->sorted_types = palloc((type_count + 1) * sizeof(int64));
	numbering_in_order(self->ids, self->sorted_ids, nodes);
	numbering_in_order(self->types, self->sorted_types, types);
	for (int i = 0; i < CSR_LEVELS; i++)
		for (uint64 edge = 0; edge < self->levels[i].count; edge++)
		{
			csr_edge *renamed = &self->levels[i].edges[edge];

			renamed->source = nodes[renamed->source];
			renamed->target = nodes[renamed->target];
			renamed->type = types[renamed->type];
		}
	pfree(nodes);
	pfree(types);
}

static int
compare_xids(const void *a, const void *b)
{
	uint64 left = *(const uint64 *) a;
	uint64 right = *(const uint64 *) b;

	return (left > right) - (left < right);
}

static void
fill_moment(const build *self, csr_header *csr)
{
	uint64 *running = csr_place(csr, csr->moment.running);

	csr->moment.xmin = full_xid(self->snapshot->xmin);
	csr->moment.xmax = full_xid(self->snapshot->xmax);
	for (uint32 i = 0; i < self->snapshot->xcnt; i++)
		running[i] = full_xid(self->snapshot->xip[i]);
	qsort(running, self->snapshot->xcnt, sizeof(uint64), compare_xids);
}

static void
fill(const build *self, csr_header *csr)
{
	int32 *types = csr_place(csr, csr->edge_types);

	csr->link_signature = self->link_signature;
	csr->node_signature = self->node_signature;
	fill_moment(self, csr);
	csr_fill_ids(csr, self->sorted_ids);
	for (uint32 i = 0; i < csr->type_count; i++)
		types[i] = (int32) self->sorted_types[i];
	snapshot_names_fill(self->names, csr);
	for (int i = 0; i < CSR_LEVELS; i++)
	{
		CHECK_FOR_INTERRUPTS();
		csr_fill_level(csr, i, self->levels[i].edges);
	}
}

static void
check_signatures(const build *self)
{
	AcceptInvalidationMessages();
	if (self->link_signature == 0 || self->node_signature == 0 ||
		link_delta_signature(self->link) != self->link_signature ||
		link_delta_signature(self->node) != self->node_signature)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("changes of the graph's links or nodes are not noted"),
						errhint("The triggers topo_note_... of both tables must be there, and be "
								"enabled always.")));
}

/* Make the segment, fill and publish it. */
static void
publish(build *self, uint64 request, TimestampTz began)
{
	uint64 size = csr_size(&self->shape);
	dsm_segment *segment = NULL;
	volatile bool published = false;

	snapshot_reserve(self->link, size);
	PG_TRY();
	{
		snapshot_state made = {.bytes = size,
							   .nodes = self->shape.node_count,
							   .edges = self->shape.edge_counts[0] + self->shape.edge_counts[1],
							   .xmin = full_xid(self->snapshot->xmin),
							   .built_at = began,
							   .answered = request};

		segment = dsm_create(size, 0);
		fill(self, csr_layout(dsm_segment_address(segment), &self->shape));
		check_signatures(self);
		made.build_ms = (double) (GetCurrentTimestamp() - began) / 1000;
		snapshot_publish(self->link, segment, &made);
		published = true;
		dsm_detach(segment);
	}
	PG_FINALLY();
	{
		if (!published)
			snapshot_unreserve(size);
	}
	PG_END_TRY();
}

static void
take_snapshot(build *self, uint64 request)
{
	TimestampTz began = GetCurrentTimestamp();
	uint32 count;

	self->snapshot = GetActiveSnapshot();
	self->ids = numbering_create();
	self->types = numbering_create();
	read_links(self);
	check_counts(self);
	order_nodes_and_types(self);
	count = numbering_count(self->ids);
	self->names = snapshot_names_read(self->sorted_ids, count);
	self->shape = (csr_shape){
		.node_count = count,
		.first_id = count > 0 ? self->sorted_ids[0] : 0,
		.last_id = count > 0 ? self->sorted_ids[count - 1] : 0,
		.type_count = numbering_count(self->types),
		.running_count = self->snapshot->xcnt,
		.edge_counts = {self->levels[0].count, self->levels[1].count},
	};
	snapshot_names_shape(self->names, &self->shape);
	publish(self, request, began);
}

/* The tables, and how their changes are noted, before the snapshot is taken. */
static build
begin_build(Oid link)
{
	build self = {.link = link};

	StartTransactionCommand();
	self.is_there = get_rel_name(link) != NULL;
	self.node = link_delta_relation("topo", "node");
	AcceptInvalidationMessages();
	self.link_signature = link_delta_signature(link);
	self.node_signature = link_delta_signature(self.node);
	CommitTransactionCommand();
	return self;
}

void
snapshot_build(Oid link, uint64 request)
{
	build self;

	pgstat_report_activity(STATE_RUNNING, "taking a snapshot of links");
	self = begin_build(link);
	if (!self.is_there)
	{
		snapshot_forget(link);
		return;
	}
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	XactIsoLevel = XACT_REPEATABLE_READ;
	XactReadOnly = true;
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	check_signatures(&self);
	take_snapshot(&self, request);
	PopActiveSnapshot();
	SPI_finish();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}
