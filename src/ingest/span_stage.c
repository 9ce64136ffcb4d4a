/*
 * span_stage.c
 *		The spans of a batch in memory, and what can be decided among them.
 *
 * Most spans of a service have their parent in the same service, and are sent
 * with it; most calls of one to another are told of by both within seconds.
 * What is decided here needs no row that waits in a table:
 *
 *	- a span whose parent is here and of its own service is no call;
 *	- a calling span whose callee is here will not become a call to the virtual
 *	  node that its peer names;
 *	- a span that is here twice, as it is after an exporter's retry, counts once.
 *
 * A call between two services that are both here has its caller, but is written
 * all the same: only the tables know whether an earlier batch has brought it.
 *
 * Memory is the arena's: about 170 bytes a span, besides texts, of which there
 * is one each.  Cost: a look-up of four texts a span, and a sort.
 */
#include "postgres.h"

#include "port/pg_bswap.h"

#include "ingest/span_stage.h"

#define SPANS_PER_BLOCK  (FLOW_ARENA_BLOCK_SIZE / sizeof(staged_span))
#define FIRST_BLOCK_ROOM 64

/* Spans of one trace with one id, of different services: a call's two sides may share it. */
#define SPANS_PER_ID 4

/* What spans are sorted by, beside them: so that no other memory is looked at. */
typedef struct span_key
{
	uint64 trace[2];
	uint64 span;
	staged_span *staged;
} span_key;

static void *
stage_allocate(void *context, size_t size)
{
	return MemoryContextAllocExtended((MemoryContext) context, size,
									  MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
}

static void
stage_release(void *context, void *memory)
{
	if (memory)
		pfree(memory);
}

void
span_stage_init(span_stage *stage)
{
	memset(stage, 0, sizeof(*stage));
	stage->allocator = (flow_allocator){stage_allocate, stage_release, CurrentMemoryContext};
	stage->arena.allocator = &stage->allocator;
	stage->secret = flow_hash_secret_draw();
}

static void
out_of_memory(void)
{
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
					errdetail("A span could not be staged.")));
}

staged_span *
span_stage_at(const span_stage *stage, size_t index)
{
	return &stage->blocks[index / SPANS_PER_BLOCK][index % SPANS_PER_BLOCK];
}

static void
reserve_block(span_stage *stage)
{
	size_t block = stage->count / SPANS_PER_BLOCK;

	if (block == stage->block_room)
	{
		size_t room = block == 0 ? FIRST_BLOCK_ROOM : 2 * block;
		staged_span **blocks = flow_arena_allocate(&stage->arena, room * sizeof(*blocks));

		if (!blocks)
			out_of_memory();
		memset(blocks, 0, room * sizeof(*blocks));
		if (block > 0)
			memcpy(blocks, stage->blocks, block * sizeof(*blocks));
		flow_arena_release(&stage->arena, stage->blocks, block * sizeof(*blocks));
		stage->blocks = blocks;
		stage->block_room = room;
	}
	/* one that was truncated away is used again */
	if (!stage->blocks[block])
		stage->blocks[block] = flow_arena_block(&stage->arena);
	if (!stage->blocks[block])
		out_of_memory();
}

static uint64
number_of(const uint8_t *bytes)
{
	uint64 number;

	memcpy(&number, bytes, sizeof(number));
	return pg_ntoh64(number);
}

static flow_text
intern(span_stage *stage, flow_text text)
{
	if (!flow_texts_intern(&stage->texts, &stage->arena, &stage->secret, &text))
		out_of_memory();
	return text;
}

/*
 * A fraction of a call counts as a whole one as often as it is large: by the
 * span's id, which is as good as random, so that a repeated span rounds alike.
 */
static int64
whole_calls(double adjusted_count, uint64 span)
{
	const uint64 golden_ratio = UINT64CONST(0x9E3779B97F4A7C15);
	double share = (double) ((span * golden_ratio) >> 11) / (double) (UINT64CONST(1) << 53);

	return (int64) (adjusted_count + share);
}

void
span_stage_add(span_stage *stage, const span_record *record)
{
	staged_span *span;

	if (!record->service.data)
	{
		stage->unattributed++;
		return;
	}
	if (stage->count % SPANS_PER_BLOCK == 0)
		reserve_block(stage);
	span = span_stage_at(stage, stage->count);
	memset(span, 0, sizeof(*span));
	memcpy(span->trace_id, record->trace_id, sizeof(span->trace_id));
	span->trace[0] = number_of(record->trace_id);
	span->trace[1] = number_of(record->trace_id + 8);
	span->span = number_of(record->span_id);
	span->parent = record->has_parent ? number_of(record->parent_span_id) : 0;
	span->start_ns = record->start_ns;
	span->duration_ns = record->has_end ? record->end_ns - record->start_ns : -1;
	span->calls = whole_calls(record->adjusted_count, span->span);
	span->service = intern(stage, record->service);
	span->cluster = intern(stage, record->cluster);
	span->endpoint = intern(stage, record->endpoint);
	span->peer = intern(stage, record->peer);
	span->peer_kind = record->peer_kind;
	span->kind = record->kind;
	span->failed = record->failed;
	stage->count++;
}

void
span_stage_truncate(span_stage *stage, size_t count)
{
	stage->count = count;
}

void
span_stage_clear(span_stage *stage)
{
	flow_texts_release(&stage->texts, &stage->arena);
	flow_arena_release(&stage->arena, stage->blocks, stage->block_room * sizeof(*stage->blocks));
	flow_arena_reset(&stage->arena);
	stage->blocks = NULL;
	stage->block_room = 0;
	stage->count = 0;
	stage->unattributed = 0;
	stage->repeated = 0;
}

size_t
span_stage_bytes(const span_stage *stage)
{
	return stage->arena.bytes + stage->count * (sizeof(staged_span *) + sizeof(span_key));
}

static int
compare_numbers(uint64 a, uint64 b)
{
	return a < b ? -1 : a > b;
}

static int
compare_keys(const span_key *a, const span_key *b)
{
	int order = compare_numbers(a->trace[0], b->trace[0]);

	if (order == 0)
		order = compare_numbers(a->trace[1], b->trace[1]);
	if (order == 0)
		order = compare_numbers(a->span, b->span);
	/* of one address: the same text */
	if (order == 0)
		order = compare_numbers((uintptr_t) a->staged->service.data,
								(uintptr_t) b->staged->service.data);
	return order;
}

#define ST_SORT          sort_keys
#define ST_ELEMENT_TYPE  span_key
#define ST_COMPARE(a, b) compare_keys(a, b)
#define ST_SCOPE         static
#define ST_DEFINE
#include "lib/sort_template.h"

static bool
same_trace(const span_key *a, const span_key *b)
{
	return a->trace[0] == b->trace[0] && a->trace[1] == b->trace[1];
}

/* The first of a trace's spans, which are sorted, whose id is not below id. */
static size_t
lower_bound(const span_key *keys, size_t count, uint64 id)
{
	size_t low = 0;

	while (count > 0)
	{
		size_t half = count / 2;

		if (keys[low + half].span < id)
		{
			low += half + 1;
			count -= half + 1;
		}
		else
			count = half;
	}
	return low;
}

/* What a span of a trace says of its parent, and of itself. */
static void
settle_span(const span_key *keys, size_t count, staged_span *span)
{
	if (span->parent == 0)
		return;
	for (size_t i = lower_bound(keys, count, span->parent);
		 i < count && keys[i].span == span->parent; i++)
	{
		staged_span *parent = keys[i].staged;
		bool own = parent->service.data == span->service.data;

		if (parent == span)
			continue;
		span->own_parent |= own;
		if (!own)
			span->caller = parent;
		parent->answered |= !own || span_is_entry(span);
	}
}

/*
 * Leave out what is there once more, of spans that are sorted; more services to
 * an id than can be are taken for that too, so that no id is there often.
 */
static size_t
drop_repeated(span_stage *stage, span_key *keys, size_t count)
{
	size_t kept = 0;
	size_t of_id = 0; /* kept of the id at hand */

	for (size_t i = 0; i < count; i++)
	{
		const span_key *last = kept > 0 ? &keys[kept - 1] : NULL;
		bool same_id = last && same_trace(last, &keys[i]) && last->span == keys[i].span;

		if (!same_id)
			of_id = 0;
		if (same_id &&
			(last->staged->service.data == keys[i].staged->service.data || of_id >= SPANS_PER_ID))
			continue;
		of_id++;
		keys[kept++] = keys[i];
	}
	stage->repeated = count - kept;
	return kept;
}

static void
settle_trace(const span_key *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		settle_span(keys, count, keys[i].staged);
}

/* By trace, id and service. */
static span_key *
sorted_keys(const span_stage *stage)
{
	span_key *keys =
		MemoryContextAllocHuge(CurrentMemoryContext, sizeof(*keys) * Max(stage->count, 1));

	for (size_t i = 0; i < stage->count; i++)
	{
		staged_span *span = span_stage_at(stage, i);

		keys[i] = (span_key){{span->trace[0], span->trace[1]}, span->span, span};
	}
	sort_keys(keys, stage->count);
	return keys;
}

staged_span **
span_stage_settle(span_stage *stage, size_t *count)
{
	span_key *keys = sorted_keys(stage);
	size_t kept = drop_repeated(stage, keys, stage->count);
	staged_span **spans =
		MemoryContextAllocHuge(CurrentMemoryContext, sizeof(*spans) * Max(kept, 1));

	for (size_t begin = 0, end; begin < kept; begin = end)
	{
		for (end = begin + 1; end < kept && same_trace(&keys[begin], &keys[end]); end++)
			continue;
		settle_trace(keys + begin, end - begin);
	}
	for (size_t i = 0; i < kept; i++)
		spans[i] = keys[i].staged;
	pfree(keys);
	*count = kept;
	return spans;
}

bool
span_is_entry(const staged_span *span)
{
	return span->kind == SPAN_KIND_SERVER || span->kind == SPAN_KIND_CONSUMER;
}

bool
span_awaits_callee(const staged_span *span)
{
	bool calls = span->kind == SPAN_KIND_CLIENT || span->kind == SPAN_KIND_PRODUCER;

	return calls && span->peer.data && !span->answered;
}

bool
span_awaits_caller(const staged_span *span)
{
	if (span->own_parent)
		return false;
	return span->parent != 0 || (span_is_entry(span) && span->peer.data);
}
