/*
 * absorb_sql.c
 *		topo.absorb_hops(): the hops of a window, as arrays, to edges as rows.
 *
 * All is computed at the first call, in the context that lasts for all calls;
 * each further call forms a row.  Nodes are numbered in the order in which they
 * are given; apps and backends that are no node of a hop come after them.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "resolve/absorb.h"
#include "store/traffic.h"

PG_FUNCTION_INFO_V1(topology_absorb_hops);

/* The columns of topo.absorb_node, absorb_hop and absorb_backend, and of the result. */
enum
{
	NODE_ID,
	NODE_APP,
	NODE_BETWEEN,
	NODE_REPORTS,
	NODE_COLUMNS
};

enum
{
	HOP_SRC,
	HOP_DST,
	HOP_LISTENER,
	HOP_VIA,
	HOP_CONFIDENCE,
	HOP_FIRST_SEEN,
	HOP_LAST_SEEN,
	HOP_TRAFFIC,
	HOP_COLUMNS
};

enum
{
	BACKEND_INTERMEDIARY,
	BACKEND_PORT,
	BACKEND_NODE,
	BACKEND_APP,
	BACKEND_COLUMNS
};

enum
{
	EDGE_SRC,
	EDGE_DST,
	EDGE_VIA,
	EDGE_CONFIDENCE,
	EDGE_APP_CONFIDENCE,
	EDGE_FIRST_SEEN,
	EDGE_LAST_SEEN,
	EDGE_TRAFFIC,
	EDGE_COLUMNS
};

/* The rows of an array of a composite type, as columns. */
typedef struct row_reader
{
	Datum *rows;
	int count;
	int columns;
	TupleDesc desc;
} row_reader;

typedef struct numbered_id
{
	int64 id;
	int number;
} numbered_id;

typedef struct hop_rest
{
	Datum via; /* 0: none */
	TimestampTz first_seen;
	TimestampTz last_seen;
	struct varlena *traffic;
} hop_rest;

typedef struct absorption
{
	absorb_window window;
	HTAB *numbers;
	int64 *ids; /* of nodes, by number */
	int number_count;
	hop_rest *rest; /* of hops */
	int hop;        /* at hand */
	int share;
	int64 counters[TRAFFIC_COUNTERS]; /* of the hop */
	int64 passed[TRAFFIC_COUNTERS];   /* of these, to the shares before */
	double passed_share;
} absorption;

static row_reader
read_rows(FunctionCallInfo fcinfo, int argument, int columns)
{
	row_reader reader = {.columns = columns};
	ArrayType *array;
	int16 length;
	bool by_value;
	char align;
	bool *nulls;

	if (PG_ARGISNULL(argument))
		return reader;
	/* the arguments of a function that returns a set last until its last row */
	array = PG_GETARG_ARRAYTYPE_P(argument);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &reader.rows, &nulls,
					  &reader.count);
	for (int i = 0; i < reader.count; i++)
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("an array of hops, nodes or backends has a null")));
	reader.desc = lookup_rowtype_tupdesc_copy(ARR_ELEMTYPE(array), -1);
	if (reader.desc->natts != columns)
		elog(ERROR, "a row has %d columns instead of %d", reader.desc->natts, columns);
	return reader;
}

static void
read_row(const row_reader *reader, int row, Datum *values, bool *nulls)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(reader->rows[row]);
	HeapTupleData tuple;

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, reader->desc, values, nulls);
}

static void
refuse_null(bool is_null)
{
	if (is_null)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("a hop, node or backend lacks a value")));
}

static int
number_of(absorption *work, int64 id)
{
	bool found;
	numbered_id *entry = hash_search(work->numbers, &id, HASH_ENTER, &found);

	if (!found)
		entry->number = work->number_count++;
	return entry->number;
}

static int
node_of(absorption *work, int64 id)
{
	numbered_id *entry = hash_search(work->numbers, &id, HASH_FIND, NULL);

	if (!entry || entry->number >= work->window.node_count)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("node " INT64_FORMAT " of a hop is not among the nodes", id)));
	return entry->number;
}

static void
number_nodes(absorption *work, const row_reader *reader)
{
	HASHCTL control = {
		.keysize = sizeof(int64), .entrysize = sizeof(numbered_id), .hcxt = CurrentMemoryContext};
	Datum values[NODE_COLUMNS];
	bool nulls[NODE_COLUMNS];

	work->numbers = hash_create("topology nodes of hops", Max(reader->count, 64), &control,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	work->ids = palloc(sizeof(int64) * Max(reader->count, 1));
	for (int i = 0; i < reader->count; i++)
	{
		read_row(reader, i, values, nulls);
		refuse_null(nulls[NODE_ID]);
		work->ids[i] = DatumGetInt64(values[NODE_ID]);
		if (number_of(work, work->ids[i]) != i)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("node " INT64_FORMAT " is given twice", work->ids[i])));
	}
	work->window.node_count = reader->count;
}

static void
read_nodes(absorption *work, const row_reader *reader)
{
	absorb_node *nodes = palloc0(sizeof(absorb_node) * Max(reader->count, 1));
	Datum values[NODE_COLUMNS];
	bool nulls[NODE_COLUMNS];

	number_nodes(work, reader);
	for (int i = 0; i < reader->count; i++)
	{
		read_row(reader, i, values, nulls);
		nodes[i].app = nulls[NODE_APP] ? i : number_of(work, DatumGetInt64(values[NODE_APP]));
		nodes[i].between = !nulls[NODE_BETWEEN] && DatumGetBool(values[NODE_BETWEEN]);
		nodes[i].reports = !nulls[NODE_REPORTS] && DatumGetBool(values[NODE_REPORTS]);
	}
	work->window.nodes = nodes;
}

static void
read_hops(absorption *work, const row_reader *reader)
{
	Datum values[HOP_COLUMNS];
	bool nulls[HOP_COLUMNS];
	int64 counters[TRAFFIC_COUNTERS];

	work->window.hops = palloc0(sizeof(absorb_hop) * Max(reader->count, 1));
	work->window.hop_count = reader->count;
	work->rest = palloc0(sizeof(hop_rest) * Max(reader->count, 1));
	for (int i = 0; i < reader->count; i++)
	{
		absorb_hop *hop = &work->window.hops[i];
		hop_rest *rest = &work->rest[i];

		read_row(reader, i, values, nulls);
		for (int column = 0; column < HOP_COLUMNS; column++)
			refuse_null(nulls[column] && column != HOP_VIA && column != HOP_LISTENER);
		hop->src = node_of(work, DatumGetInt64(values[HOP_SRC]));
		hop->dst = node_of(work, DatumGetInt64(values[HOP_DST]));
		hop->listener = nulls[HOP_LISTENER] ? 0 : DatumGetInt32(values[HOP_LISTENER]);
		hop->confidence = DatumGetFloat4(values[HOP_CONFIDENCE]);
		rest->via = nulls[HOP_VIA] ? (Datum) 0 : values[HOP_VIA];
		rest->first_seen = DatumGetTimestampTz(values[HOP_FIRST_SEEN]);
		rest->last_seen = DatumGetTimestampTz(values[HOP_LAST_SEEN]);
		rest->traffic = PG_DETOAST_DATUM_PACKED(values[HOP_TRAFFIC]);
		traffic_deform_counters(rest->traffic, counters);
		hop->connections = counters[TRAFFIC_CONNECTIONS];
		/* each at most half of the range, so that the sum fits */
		hop->bytes = counters[TRAFFIC_BYTES_SENT] / 2 + counters[TRAFFIC_BYTES_RECEIVED] / 2 +
					 ((counters[TRAFFIC_BYTES_SENT] & 1) | (counters[TRAFFIC_BYTES_RECEIVED] & 1));
	}
}

static void
read_backends(absorption *work, const row_reader *reader)
{
	absorb_backend *backends = palloc0(sizeof(absorb_backend) * Max(reader->count, 1));
	Datum values[BACKEND_COLUMNS];
	bool nulls[BACKEND_COLUMNS];

	for (int i = 0; i < reader->count; i++)
	{
		read_row(reader, i, values, nulls);
		refuse_null(nulls[BACKEND_INTERMEDIARY] || nulls[BACKEND_NODE]);
		backends[i].intermediary = number_of(work, DatumGetInt64(values[BACKEND_INTERMEDIARY]));
		backends[i].port = nulls[BACKEND_PORT] ? 0 : DatumGetInt32(values[BACKEND_PORT]);
		backends[i].node = number_of(work, DatumGetInt64(values[BACKEND_NODE]));
		backends[i].app = nulls[BACKEND_APP] ? backends[i].node
											 : number_of(work, DatumGetInt64(values[BACKEND_APP]));
	}
	work->window.backends = backends;
	work->window.backend_count = reader->count;
}

static absorption *
absorb(FunctionCallInfo fcinfo)
{
	absorption *work = palloc0(sizeof(*work));
	row_reader nodes = read_rows(fcinfo, 0, NODE_COLUMNS);
	row_reader hops = read_rows(fcinfo, 1, HOP_COLUMNS);
	row_reader backends = read_rows(fcinfo, 2, BACKEND_COLUMNS);

	read_nodes(work, &nodes);
	read_hops(work, &hops);
	read_backends(work, &backends);
	work->window.most = PG_ARGISNULL(3) ? PG_INT64_MAX : PG_GETARG_INT64(3);
	work->window.memory = PG_ARGISNULL(4) ? PG_INT64_MAX : PG_GETARG_INT64(4);
	absorb_solve(&work->window);
	return work;
}

/* The hop's own intermediaries (a NAT), then those of the share; NULL where there is none. */
static Datum
via_datum(const absorption *work, const hop_rest *rest, const absorb_share *share, bool *is_null)
{
	Datum *before = NULL;
	int count = 0;
	Datum *all;

	if (rest->via)
		deconstruct_array(DatumGetArrayTypeP(rest->via), INT8OID, 8, FLOAT8PASSBYVAL,
						  TYPALIGN_DOUBLE, &before, NULL, &count);
	all = palloc(sizeof(Datum) * (count + (share ? share->via_count : 0) + 1));
	for (int i = 0; i < count; i++)
		all[i] = before[i];
	for (int i = 0; share && i < share->via_count; i++)
		all[count++] = Int64GetDatum(work->ids[share->via[i]]);
	*is_null = count == 0;
	return PointerGetDatum(
		construct_array(all, count, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/*
 * The part of the hop's traffic that goes with the next share.  What all shares up
 * to one have is rounded down, and the last has the rest: so nothing is lost.
 */
static struct varlena *
next_part(absorption *work, const absorb_share *share, bool last)
{
	traffic_value part;

	if (work->share == 1)
		traffic_deform_counters(work->rest[work->hop].traffic, work->counters);
	traffic_value_init(&part, CurrentMemoryContext);
	work->passed_share += share->share;
	for (int i = 0; i < TRAFFIC_COUNTERS; i++)
	{
		double upto = floor((double) work->counters[i] * work->passed_share);
		int64 passed =
			last || upto >= (double) work->counters[i] ? work->counters[i] : (int64) upto;

		passed = Max(passed, work->passed[i]);
		traffic_value_add(&part, i, passed - work->passed[i]);
		work->passed[i] = passed;
	}
	return traffic_form(&part);
}

static void
next_hop(absorption *work)
{
	work->hop++;
	work->share = 0;
	work->passed_share = 0;
	memset(work->passed, 0, sizeof(work->passed));
}

static Datum
form_edge(absorption *work, TupleDesc desc, const absorb_share *share, struct varlena *traffic)
{
	const absorb_hop *hop = &work->window.hops[work->hop];
	const hop_rest *rest = &work->rest[work->hop];
	Datum values[EDGE_COLUMNS];
	bool nulls[EDGE_COLUMNS] = {false};

	values[EDGE_SRC] = Int64GetDatum(work->ids[hop->src]);
	values[EDGE_DST] = Int64GetDatum(work->ids[share ? share->dst : hop->dst]);
	values[EDGE_VIA] = via_datum(work, rest, share, &nulls[EDGE_VIA]);
	values[EDGE_CONFIDENCE] = Float4GetDatum(
		share ? absorb_confidence(&work->window, hop, share, false) : hop->confidence);
	values[EDGE_APP_CONFIDENCE] = Float4GetDatum(
		share ? absorb_confidence(&work->window, hop, share, true) : hop->confidence);
	values[EDGE_FIRST_SEEN] = TimestampTzGetDatum(rest->first_seen);
	values[EDGE_LAST_SEEN] = TimestampTzGetDatum(rest->last_seen);
	values[EDGE_TRAFFIC] = PointerGetDatum(traffic);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* The next edge; false: there is none. */
static bool
next_edge(absorption *work, TupleDesc desc, Datum *edge)
{
	const absorb_state *state;
	const absorb_hop *hop;
	const absorb_share *share;

	while (work->hop < work->window.hop_count && work->window.hops[work->hop].consumed)
		next_hop(work);
	if (work->hop == work->window.hop_count)
		return false;
	hop = &work->window.hops[work->hop];
	if (!hop->source)
	{
		*edge = form_edge(work, desc, NULL, work->rest[work->hop].traffic);
		next_hop(work);
		return true;
	}
	state = &work->window.states[hop->state];
	share = &state->shares[work->share++];
	*edge = form_edge(work, desc, share, next_part(work, share, work->share == state->share_count));
	if (work->share == state->share_count)
		next_hop(work);
	return true;
}

Datum
topology_absorb_hops(PG_FUNCTION_ARGS)
{
	FuncCallContext *calls;
	Datum edge;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext previous;
		TupleDesc desc;

		calls = SRF_FIRSTCALL_INIT();
		previous = MemoryContextSwitchTo(calls->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		calls->tuple_desc = BlessTupleDesc(desc);
		calls->user_fctx = absorb(fcinfo);
		MemoryContextSwitchTo(previous);
	}
	calls = SRF_PERCALL_SETUP();
	if (!next_edge(calls->user_fctx, calls->tuple_desc, &edge))
		SRF_RETURN_DONE(calls);
	SRF_RETURN_NEXT(calls, edge);
}
