/*
 * span_pairing.c
 *		Spans that wait for the other side of their call, beside those that came.
 *
 * The waits are indexed by their own id and by the id that they look for; the
 * spans are shown one by one and not kept.  So memory is for the waits alone, some
 * 200 bytes each, whatever else their traces have.  Ids are chosen by whoever sends
 * them: the indexes are keyed.
 *
 * Cost: two look-ups for each span that is shown.
 */
#include "postgres.h"

#include "resolve/span_pairing.h"

#define FIRST_ROOM 1024

static span_chains
make_chains(int32 count)
{
	span_chains chains;
	uint32 size = 64;

	while (size < (uint32) count)
		size *= 2;
	chains.mask = size - 1;
	chains.heads = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * size);
	memset(chains.heads, -1, sizeof(int32) * size);
	return chains;
}

static int32 *
chain_of_trace(const span_pairing *pairing, const uint8 id[16])
{
	uint64 words[2];
	uint64 hash;

	memcpy(words, id, sizeof(words));
	hash = flow_hash_word(&pairing->secret, pairing->secret.start, words[0]);
	hash = flow_hash_word(&pairing->secret, hash, words[1]);
	return &pairing->by_trace.heads[hash & pairing->by_trace.mask];
}

/* The chain of a span's id in a trace. */
static int32 *
chain_of_span(const span_pairing *pairing, const span_chains *chains, int32 trace, int64 span)
{
	uint64 hash = flow_hash_word(&pairing->secret, pairing->secret.start, (uint64) trace);

	hash = flow_hash_word(&pairing->secret, hash, (uint64) span);
	return &chains->heads[hash & chains->mask];
}

span_pairing *
span_pairing_create(int32 traces)
{
	span_pairing *pairing = palloc0(sizeof(*pairing));

	pairing->context = CurrentMemoryContext;
	pairing->secret = flow_hash_secret_draw();
	pairing->trace_room = traces;
	pairing->traces =
		MemoryContextAllocHuge(CurrentMemoryContext, sizeof(pairing->traces[0]) * Max(traces, 1));
	pairing->by_trace = make_chains(traces);
	return pairing;
}

int32
span_pairing_find_trace(const span_pairing *pairing, const uint8 id[16])
{
	for (int32 at = *chain_of_trace(pairing, id); at >= 0; at = pairing->traces[at].next)
		if (memcmp(pairing->traces[at].id, id, 16) == 0)
			return at;
	return -1;
}

int32
span_pairing_add_trace(span_pairing *pairing, const uint8 id[16])
{
	int32 trace = span_pairing_find_trace(pairing, id);
	int32 *head = chain_of_trace(pairing, id);

	if (trace >= 0)
		return trace;
	if (pairing->trace_count == pairing->trace_room)
		elog(ERROR, "more traces than were told of");
	trace = pairing->trace_count++;
	memcpy(pairing->traces[trace].id, id, 16);
	pairing->traces[trace].first_part = PG_INT64_MAX;
	pairing->traces[trace].last_part = -1;
	pairing->traces[trace].next = *head;
	*head = trace;
	return trace;
}

/* An array with room for one more element. */
static void *
reserve(const span_pairing *pairing, void *array, int32 count, int32 *room, size_t size)
{
	if (count < *room)
		return array;
	*room = Max(*room * 2, FIRST_ROOM);
	return array ? repalloc_huge(array, size * *room)
				 : MemoryContextAllocHuge(pairing->context, size * *room);
}

span_wait *
span_pairing_add_wait(span_pairing *pairing)
{
	span_wait *wait;

	pairing->waits = reserve(pairing, pairing->waits, pairing->wait_count, &pairing->wait_room,
							 sizeof(span_wait));
	wait = &pairing->waits[pairing->wait_count++];
	memset(wait, 0, sizeof(*wait));
	return wait;
}

static bool
looks_for_parent(const span_wait *wait)
{
	return wait->role == SPAN_WAIT_CALLEE && wait->caller == 0 && wait->parent != 0;
}

void
span_pairing_begin(span_pairing *pairing)
{
	MemoryContext previous = MemoryContextSwitchTo(pairing->context);

	pairing->by_span = make_chains(pairing->wait_count);
	pairing->by_parent = make_chains(pairing->wait_count);
	MemoryContextSwitchTo(previous);
	for (int32 at = 0; at < pairing->wait_count; at++)
	{
		span_wait *wait = &pairing->waits[at];
		span_trace *trace = &pairing->traces[wait->trace];
		int32 *head = chain_of_span(pairing, &pairing->by_span, wait->trace, wait->span);

		trace->first_part = Min(trace->first_part, wait->part);
		trace->last_part = Max(trace->last_part, wait->part);
		wait->next_of_span = *head;
		*head = at;
		if (!looks_for_parent(wait))
			continue;
		head = chain_of_span(pairing, &pairing->by_parent, wait->trace, wait->parent);
		wait->next_of_parent = *head;
		*head = at;
	}
}

/* What a batch has for itself, it knew. */
bool
span_pairing_cares(const span_pairing *pairing, int32 trace, int64 part)
{
	const span_trace *of = &pairing->traces[trace];

	return of->last_part > part || of->first_part < part;
}

static void
add_match(span_pairing *pairing, span_match match)
{
	pairing->matches = reserve(pairing, pairing->matches, pairing->match_count,
							   &pairing->match_room, sizeof(span_match));
	pairing->matches[pairing->match_count++] = match;
}

/* Those that look for the span. */
static void
show_to_children(span_pairing *pairing, int32 trace, int64 part, int64 span, int64 owner,
				 bool failed)
{
	int32 at = *chain_of_span(pairing, &pairing->by_parent, trace, span);

	for (; at >= 0; at = pairing->waits[at].next_of_parent)
	{
		const span_wait *wait = &pairing->waits[at];

		if (wait->trace == trace && wait->parent == span && (part == 0 || wait->part != part))
			add_match(pairing, (span_match){at, failed, owner});
	}
}

/* Those that are the span, and came in a later batch. */
static void
show_to_repetitions(span_pairing *pairing, int32 trace, int64 part, int64 span, int64 owner)
{
	int32 at = *chain_of_span(pairing, &pairing->by_span, trace, span);

	for (; at >= 0; at = pairing->waits[at].next_of_span)
	{
		span_wait *wait = &pairing->waits[at];

		if (wait->trace == trace && wait->span == span && wait->owner == owner && part < wait->part)
			wait->repeated = true;
	}
}

void
span_pairing_show(span_pairing *pairing, int32 trace, int64 part, int64 span, int64 owner,
				  bool failed)
{
	show_to_children(pairing, trace, part, span, owner, failed);
	if (part < pairing->traces[trace].last_part)
		show_to_repetitions(pairing, trace, part, span, owner);
}

/* Of spans with one id, as the two sides of a call may have, the own service's is the parent. */
static void
take_match(span_pairing *pairing, const span_match *match, int64 app)
{
	span_wait *wait = &pairing->waits[match->wait];

	wait->decided = true;
	wait->internal |= app == wait->app;
	wait->failed |= match->failed;
	wait->caller = wait->caller == 0 ? match->owner : Min(wait->caller, match->owner);
}

/* What a callee, of which who called it is decided, means to the spans that may have. */
static void
answer_callers(span_pairing *pairing, const span_wait *callee)
{
	int32 at = *chain_of_span(pairing, &pairing->by_span, callee->trace, callee->parent);

	if (callee->parent == 0 || (callee->internal && !callee->entry))
		return;
	for (; at >= 0; at = pairing->waits[at].next_of_span)
	{
		span_wait *wait = &pairing->waits[at];

		if (wait->trace == callee->trace && wait->span == callee->parent &&
			wait->role == SPAN_WAIT_CALLER)
			wait->answered = true;
	}
}

void
span_pairing_settle(span_pairing *pairing, span_app_of app_of, void *context)
{
	for (int32 i = 0; i < pairing->match_count; i++)
	{
		int64 app = app_of(context, pairing->matches[i].owner);

		if (app != 0)
			take_match(pairing, &pairing->matches[i], app);
	}
	for (int32 at = 0; at < pairing->wait_count; at++)
	{
		span_wait *wait = &pairing->waits[at];

		if (wait->role != SPAN_WAIT_CALLEE || wait->repeated)
			continue;
		wait->decided |= wait->caller != 0 || wait->parent == 0;
		if (wait->decided)
			answer_callers(pairing, wait);
	}
}
