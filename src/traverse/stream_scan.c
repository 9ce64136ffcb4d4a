/*
 * stream_scan.c
 *		A custom scan that fetches the rows of traverse() one by one.
 *
 * The executor's scan of a function copies all rows to a tuplestore before the
 * first is read; for rows that are pointers into a snapshot this takes several
 * times as long as the search.  So where FROM has a call of traverse(), the planner
 * is given this scan in its place.  It has the executor make the same call in the
 * same way (privileges, settings, arguments), while a row_stream says that rows may
 * be left to be fetched; where the tables answer, they come in the tuplestore.
 *
 * A stream lives in a context of the query's.  Snapshots stay mapped to the end
 * of the transaction, and a portal that outlives it has been run to its end by then.
 *
 * Not scanned so: a call WITH ORDINALITY, of ROWS FROM several, one whose row is
 * wanted as a whole.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "commands/explain.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#endif
#include "executor/executor.h"
#include "funcapi.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "traverse/stream_scan.h"

#define SCAN_NAME "topology rows"

typedef struct stream_state
{
	CustomScanState custom; /* first */
	SetExprState *call;
	TupleDesc rows_type;
	MemoryContext arguments;
	row_stream stream;
	bool called;
	Tuplestorestate *stored; /* what was not left to the stream */
	TupleTableSlot *stored_slot;
} stream_state;

/* The call that is being made. */
static row_stream *current = NULL;

static set_rel_pathlist_hook_type previous_set_rel_pathlist = NULL;

row_stream *
row_stream_wanted(const ReturnSetInfo *output)
{
	return current != NULL && output != NULL && current->econtext == output->econtext ? current
																					  : NULL;
}

/*
 * Execution
 */

/* Rows that cannot be streamed come back in a tuplestore. */
static void
call_function(stream_state *self)
{
	row_stream *outer = current;
	ExprContext *econtext = self->custom.ss.ps.ps_ExprContext;

	self->stream.econtext = econtext;
	self->stream.rows = NULL;
	MemoryContextReset(self->stream.memory);
	current = &self->stream;
	PG_TRY();
	{
		self->stored = ExecMakeTableFunctionResult(self->call, econtext, self->arguments,
												   self->rows_type, false);
	}
	PG_FINALLY();
	{
		current = outer;
	}
	PG_END_TRY();
	self->called = true;
	if (self->stream.rows == NULL)
		MemoryContextReset(self->stream.memory);
}

static TupleTableSlot *
fetch_stored(stream_state *self, TupleTableSlot *slot)
{
	TupleTableSlot *stored = self->stored_slot;

	if (!tuplestore_gettupleslot(self->stored, true, false, stored))
		return slot;
	slot_getallattrs(stored);
	memcpy(slot->tts_values, stored->tts_values, TRAVERSE_COLUMNS * sizeof(Datum));
	memcpy(slot->tts_isnull, stored->tts_isnull, TRAVERSE_COLUMNS * sizeof(bool));
	return ExecStoreVirtualTuple(slot);
}

static TupleTableSlot *
fetch(ScanState *scan)
{
	stream_state *self = (stream_state *) scan;
	TupleTableSlot *slot = scan->ss_ScanTupleSlot;

	if (!self->called)
		call_function(self);
	ExecClearTuple(slot);
	if (self->stream.rows == NULL)
		return fetch_stored(self, slot);
	if (view_rows_next(self->stream.rows, slot->tts_values, slot->tts_isnull))
		ExecStoreVirtualTuple(slot);
	return slot;
}

/* There is no condition that fetch() has seen to. */
static bool
recheck(ScanState *scan, TupleTableSlot *slot)
{
	return true;
}

static TupleTableSlot *
execute(CustomScanState *node)
{
	return ExecScan(&node->ss, fetch, recheck);
}

static void
begin(CustomScanState *node, EState *estate, int flags)
{
	stream_state *self = (stream_state *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	Expr *call = linitial(plan->custom_exprs);

	self->call = ExecInitTableFunctionResult(call, node->ss.ps.ps_ExprContext, &node->ss.ps);
	self->rows_type = get_expr_result_tupdesc((Node *) call, false);
	self->stored_slot =
		ExecAllocTableSlot(&estate->es_tupleTable, self->rows_type, &TTSOpsMinimalTuple);
	self->arguments =
		AllocSetContextCreate(CurrentMemoryContext, "topology arguments", ALLOCSET_DEFAULT_SIZES);
	self->stream.memory =
		AllocSetContextCreate(CurrentMemoryContext, "topology rows", ALLOCSET_DEFAULT_SIZES);
}

static void
let_rows_go(stream_state *self)
{
	if (self->stored != NULL)
		tuplestore_end(self->stored);
	self->stored = NULL;
	self->stream.rows = NULL;
	self->called = false;
	ExecClearTuple(self->stored_slot);
	MemoryContextReset(self->stream.memory);
}

static void
end(CustomScanState *node)
{
	let_rows_go((stream_state *) node);
}

static void
rescan(CustomScanState *node)
{
	stream_state *self = (stream_state *) node;

	ExecScanReScan(&node->ss);
	if (!self->called)
		return;
	if (node->ss.ps.chgParam != NULL)
		let_rows_go(self);
	else if (self->stream.rows != NULL)
		view_rows_rewind(self->stream.rows);
	else
		tuplestore_rescan(self->stored);
}

static void
explain(CustomScanState *node, List *ancestors, ExplainState *es)
{
	stream_state *self = (stream_state *) node;

	if (es->analyze && self->called)
		ExplainPropertyText("Answered From", self->stream.of_snapshot ? "snapshot" : "tables", es);
}

static const CustomExecMethods exec_methods = {
	.CustomName = SCAN_NAME,
	.BeginCustomScan = begin,
	.ExecCustomScan = execute,
	.EndCustomScan = end,
	.ReScanCustomScan = rescan,
	.ExplainCustomScan = explain,
};

/*
 * Planning
 */

static Node *
create_state(CustomScan *plan)
{
	stream_state *self = (stream_state *) newNode(sizeof(stream_state), T_CustomScanState);

	self->custom.methods = &exec_methods;
	return (Node *) self;
}

static const CustomScanMethods scan_methods = {
	.CustomName = SCAN_NAME,
	.CreateCustomScanState = create_state,
};

static List *
columns_of(Node *call, Index relation)
{
	TupleDesc type = get_expr_result_tupdesc(call, false);
	List *columns = NIL;

	for (int i = 0; i < type->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(type, i);
		Var *column = makeVar(relation, i + 1, attribute->atttypid, attribute->atttypmod,
							  attribute->attcollation, 0);

		columns = lappend(columns, makeTargetEntry((Expr *) column, i + 1,
												   pstrdup(NameStr(attribute->attname)), false));
	}
	return columns;
}

static Plan *
plan_scan(PlannerInfo *root, RelOptInfo *relation, CustomPath *path, List *targets, List *clauses,
		  List *children)
{
	CustomScan *scan = makeNode(CustomScan);
	Node *call = linitial(path->custom_private);

	scan->scan.plan.targetlist = targets;
	scan->scan.plan.qual = extract_actual_clauses(clauses, false);
	scan->flags = path->flags;
	scan->custom_exprs = list_make1(call);
	scan->custom_scan_tlist = columns_of(call, relation->relid);
	scan->methods = &scan_methods;
	return &scan->scan.plan;
}

static const CustomPathMethods path_methods = {
	.CustomName = SCAN_NAME,
	.PlanCustomPath = plan_scan,
};

static bool
is_traverse(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	bool found = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	if (form->prolang == ClanguageId && strcmp(NameStr(form->proname), "traverse") == 0)
	{
		bool absent;
		Datum symbol = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &absent);

		found = !absent && strcmp(TextDatumGetCString(symbol), "topo_traverse") == 0;
	}
	ReleaseSysCache(tuple);
	return found;
}

/* The one call that a range table entry is, or NULL. */
static Node *
call_of(const RangeTblEntry *entry)
{
	RangeTblFunction *function;

	if (entry->rtekind != RTE_FUNCTION || entry->funcordinality ||
		list_length(entry->functions) != 1)
		return NULL;
	function = linitial(entry->functions);
	if (!IsA(function->funcexpr, FuncExpr) || function->funccolnames != NIL ||
		!is_traverse(((FuncExpr *) function->funcexpr)->funcid))
		return NULL;
	return function->funcexpr;
}

static bool
is_wanted_whole(const RelOptInfo *relation)
{
	const int whole = InvalidAttrNumber - FirstLowInvalidHeapAttributeNumber;
	Bitmapset *columns = NULL;

	if (!bms_is_empty(relation->attr_needed[InvalidAttrNumber - relation->min_attr]))
		return true;
	pull_varattnos((Node *) extract_actual_clauses(relation->baserestrictinfo, false),
				   relation->relid, &columns);
	return bms_is_member(whole, columns);
}

static void
replace_paths(PlannerInfo *root, RelOptInfo *relation, Node *call)
{
	CustomPath *path = makeNode(CustomPath);
	const Path *plain = linitial(relation->pathlist);

	path->path = *plain;
	path->path.type = T_CustomPath;
	path->path.pathtype = T_CustomScan;
#if PG_VERSION_NUM >= 150000
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
#endif
	path->custom_private = list_make1(call);
	path->methods = &path_methods;
	relation->pathlist = list_make1(path);
}

static void
set_rel_pathlist(PlannerInfo *root, RelOptInfo *relation, Index index, RangeTblEntry *entry)
{
	Node *call = call_of(entry);

	if (previous_set_rel_pathlist)
		previous_set_rel_pathlist(root, relation, index, entry);
	if (call != NULL && list_length(relation->pathlist) == 1 &&
		IsA(linitial(relation->pathlist), Path) && !is_wanted_whole(relation))
		replace_paths(root, relation, call);
}

void
stream_scan_init(void)
{
	RegisterCustomScanMethods(&scan_methods);
	previous_set_rel_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = set_rel_pathlist;
}
