/*
 * record_batch.c
 *		A batch of whatever records a source brings.
 *
 * One batch for each kind of record, made when the first of it comes; a source
 * has records of one kind, so that one of them takes the memory.  Flows and calls
 * are merged as they are decoded.  A message of traces is staged, and taken back
 * where it cannot be used; one of metrics is decoded twice, first to check it.
 *
 * The batch owns a memory context, in which the others have theirs.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "decode/ipc_json.h"
#include "decode/vpc.h"
#include "ingest/accepted.h"
#include "ingest/call_batch.h"
#include "ingest/flow_batch.h"
#include "ingest/record_batch.h"
#include "ingest/record_lines.h"
#include "ingest/span_batch.h"
#include "settings.h"

/* The graph that each kind of record goes to. */
static const char *const graphs[] = {
	[DECODE_FLOWS] = "network", [DECODE_CALLS] = "ipc", [DECODE_SPANS] = "trace"};

struct record_batch
{
	MemoryContext context;
	char *source;
	flow_text region; /* of flows that do not say theirs */
	flow_text scope;
	flow_batch *flows; /* these may be NULL */
	call_batch *calls;
	span_batch *spans;
	bool knows_times[lengthof(graphs)];
	accepted_times times[lengthof(graphs)];
	bool overflowed; /* has been stored for want of room */
};

/* One call of record_batch_take(). */
typedef struct record_take
{
	record_batch *batch;
	const decode_format *format;
	int64 taken;
} record_take;

record_batch *
record_batch_create(MemoryContext parent, const char *source)
{
	MemoryContext context =
		AllocSetContextCreate(parent, "topology record batch", ALLOCSET_DEFAULT_SIZES);
	record_batch *batch = MemoryContextAllocZero(context, sizeof(*batch));

	batch->context = context;
	batch->source = MemoryContextStrdup(context, source);
	return batch;
}

static flow_text
copy_default(record_batch *batch, const char *text)
{
	flow_text copy = {NULL, 0};

	if (text)
	{
		copy.data = MemoryContextStrdup(batch->context, text);
		copy.length = strlen(text);
	}
	return copy;
}

void
record_batch_set_defaults(record_batch *batch, const char *region, const char *scope)
{
	batch->region = copy_default(batch, region);
	batch->scope = copy_default(batch, scope);
}

void
record_batch_destroy(record_batch *batch)
{
	MemoryContextDelete(batch->context);
}

void
record_batch_begin(record_batch *batch)
{
	memset(batch->knows_times, 0, sizeof(batch->knows_times));
}

bool
record_batch_is_empty(const record_batch *batch)
{
	return (!batch->flows || flow_batch_is_empty(batch->flows)) &&
		   (!batch->calls || call_batch_is_empty(batch->calls)) &&
		   (!batch->spans || span_batch_is_empty(batch->spans));
}

bool
record_batch_is_full(const record_batch *batch)
{
	return batch->overflowed || (batch->spans && span_batch_is_full(batch->spans));
}

void
record_batch_store(record_batch *batch)
{
	if (batch->flows && !flow_batch_is_empty(batch->flows))
		flow_batch_store(batch->flows, batch->source);
	if (batch->calls && !call_batch_is_empty(batch->calls))
		call_batch_store(batch->calls);
	if (batch->spans && !span_batch_is_empty(batch->spans))
		span_batch_store(batch->spans);
	batch->overflowed = false;
}

void
record_batch_clear(record_batch *batch)
{
	if (batch->flows)
		flow_batch_clear(batch->flows);
	if (batch->calls)
		call_batch_clear(batch->calls);
	if (batch->spans)
		span_batch_clear(batch->spans);
	batch->overflowed = false;
}

static void
make_room(record_batch *batch)
{
	record_batch_store(batch);
	batch->overflowed = true;
}

/* Have a batch for the kind of record, and know which times are accepted. */
static void
prepare(record_batch *batch, decode_kind kind)
{
	size_t bytes = (size_t) topology_batch_memory * 1024;

	if (kind == DECODE_FLOWS && !batch->flows)
		batch->flows = flow_batch_create(batch->context);
	if (kind == DECODE_CALLS && !batch->calls)
		batch->calls = call_batch_create(batch->context, bytes);
	if (kind == DECODE_SPANS && !batch->spans)
		batch->spans = span_batch_create(batch->context, bytes);
	if (!batch->knows_times[kind])
		batch->times[kind] = accepted_times_load(graphs[kind]);
	batch->knows_times[kind] = true;
}

/* Whether a text can be part of a node's name; the characters are those that topo.node refuses. */
static bool
is_name(flow_text text)
{
	for (size_t at = 0; at < text.length; at++)
	{
		unsigned char byte = text.data[at];

		if (byte < 0x20 || byte == 0x7f)
			return false;
	}
	return true;
}

typedef struct named_text
{
	const char *field;
	flow_text text;
} named_text;

/* Whether a record can be taken: its texts and times; error says why not. */
static bool
is_usable(const record_take *take, const named_text *texts, size_t count, int64 start_ns,
		  int64 end_ns, decode_error *error)
{
	const char *refusal =
		accepted_times_refusal(&take->batch->times[take->format->kind], start_ns, end_ns);

	for (size_t i = 0; i < count; i++)
		if (!is_name(texts[i].text))
		{
			decode_error_set(error, texts[i].field, "must not have control characters");
			return false;
		}
	if (refusal)
		decode_error_set(error, "start", "%s", refusal);
	return refusal == NULL;
}

static bool
take_flow(void *context, const flow_record *record, decode_error *error)
{
	record_take *take = context;
	record_batch *batch = take->batch;
	flow_record flow = *record;
	const named_text texts[] = {{"local.app", record->app},
								{"local.cluster", record->cluster},
								{"scope", record->scope},
								{"region", record->region}};

	if (!is_usable(take, texts, lengthof(texts), record->start_ns, record->end_ns, error))
		return false;
	if (!flow.region.data)
		flow.region = batch->region;
	if (!flow.scope.data)
		flow.scope = batch->scope;
	if (!flow_batch_add(batch->flows, &flow))
	{
		make_room(batch);
		if (!flow_batch_add(batch->flows, &flow))
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
							errdetail("A flow record could not be merged into its window.")));
	}
	take->taken++;
	return true;
}

static bool
is_usable_call(const record_take *take, const call_record *record, decode_error *error)
{
	const named_text texts[] = {{"client", record->client},
								{"server", record->server},
								{"client_cluster", record->client_cluster},
								{"server_cluster", record->server_cluster},
								{"endpoint", record->endpoint}};

	return is_usable(take, texts, lengthof(texts), record->start_ns, record->end_ns, error);
}

static bool
check_call(void *context, const call_record *record, decode_error *error)
{
	return is_usable_call(context, record, error);
}

static bool
take_call(void *context, const call_record *record, decode_error *error)
{
	record_take *take = context;
	record_batch *batch = take->batch;

	if (!is_usable_call(take, record, error))
		return false;
	/* calls without both ends are no edge: a server's metric mostly does not know its clients */
	if (!record->client.data || !record->server.data)
		return true;
	if (!call_batch_add(batch->calls, record))
	{
		make_room(batch);
		if (!call_batch_add(batch->calls, record))
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
							errdetail("A call record could not be merged into its window.")));
	}
	take->taken++;
	return true;
}

static bool
take_span(void *context, const span_record *record, decode_error *error)
{
	record_take *take = context;
	const named_text texts[] = {{"service.name", record->service},
								{"service.version", record->cluster}};
	span_record span = *record;

	if (!is_usable(take, texts, lengthof(texts), record->start_ns, record->end_ns, error))
		return false;
	/* texts that anybody may have put there */
	if (!is_name(span.endpoint))
		span.endpoint = (flow_text){NULL, 0};
	if (!is_name(span.peer))
		span.peer = (flow_text){NULL, 0};
	span_batch_add(take->batch->spans, &span);
	take->taken++;
	return true;
}

static bool
decode_lines_of_format(void *context, const char *payload, size_t length, decode_error *error)
{
	record_take *take = context;

	if (take->format->kind == DECODE_FLOWS)
		return take->format->flows(payload, length, take_flow, take, error) >= 0;
	return take->format->calls(payload, length, take_call, take, error) >= 0;
}

static bool
take_span_message(record_take *take, const char *payload, size_t length, decode_error *error)
{
	record_batch *batch = take->batch;
	span_batch_mark mark;

	if (span_batch_is_full(batch->spans))
		make_room(batch);
	mark = span_batch_get_mark(batch->spans);
	if (take->format->spans(payload, length, take_span, take, error) >= 0)
		return true;
	span_batch_truncate(batch->spans, mark);
	take->taken = 0;
	return false;
}

static bool
take_call_message(record_take *take, const char *payload, size_t length, decode_error *error)
{
	return take->format->calls(payload, length, check_call, take, error) >= 0 &&
		   take->format->calls(payload, length, take_call, take, error) >= 0;
}

static bool
has_record_a_line(const decode_format *format)
{
	return format->kind == DECODE_FLOWS ||
		   (format->kind == DECODE_CALLS && format->calls == decode_ipc_json);
}

int64
record_batch_take(record_batch *batch, const decode_format *format, const char *payload,
				  size_t length, record_refusal refuse, void *context)
{
	record_take take = {batch, format, 0};
	decode_error error = {0};
	bool usable;

	prepare(batch, format->kind);
	if (has_record_a_line(format))
	{
		bool with_header = format->kind == DECODE_FLOWS && format->flows == decode_vpc;

		record_lines_walk(payload, length, with_header, decode_lines_of_format, &take, refuse,
						  context);
		return take.taken;
	}
	usable = format->kind == DECODE_SPANS ? take_span_message(&take, payload, length, &error)
										  : take_call_message(&take, payload, length, &error);
	if (!usable)
		refuse(context, payload, length, &error);
	return take.taken;
}
