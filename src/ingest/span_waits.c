/*
 * span_waits.c
 *		The spans of a batch that wait, as a matrix of numbers.
 *
 * A row takes 96 bytes; as a row of a table it would take twice as much and be
 * formed and read again in many more steps.  Texts are there once.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/hsearch.h"

#include "ingest/span_waits.h"
#include "store/rows.h"
#include "store/span_matrix.h"

#define FIRST_ROOM 1024

typedef struct text_entry
{
	const char *data; /* interned: the key */
	int64 number;
} text_entry;

struct span_waits
{
	MemoryContext context;
	uint8_t (*traces)[16];
	int trace_count;
	int trace_room;
	int64 *numbers;
	int count; /* of rows */
	int room;
	HTAB *text_numbers;
	Datum *texts;
	int text_count;
	int text_room;
};

span_waits *
span_waits_create(void)
{
	span_waits *waits = palloc0(sizeof(*waits));
	HASHCTL control = {.keysize = sizeof(const char *),
					   .entrysize = sizeof(text_entry),
					   .hcxt = CurrentMemoryContext};

	waits->context = CurrentMemoryContext;
	waits->text_numbers = hash_create("topology texts of spans", 256, &control,
									  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return waits;
}

/* An array with room for one more element. */
static void *
reserve(const span_waits *waits, void *array, int count, int *room, size_t size)
{
	if (count < *room)
		return array;
	*room = Max(*room * 2, FIRST_ROOM);
	return array ? repalloc_huge(array, size * *room)
				 : MemoryContextAllocHuge(waits->context, size * *room);
}

void
span_waits_begin_trace(span_waits *waits, const uint8_t id[16])
{
	waits->traces = reserve(waits, waits->traces, waits->trace_count, &waits->trace_room,
							sizeof(waits->traces[0]));
	memcpy(waits->traces[waits->trace_count++], id, 16);
}

/* The number of a text, which is interned; 0 of an absent one. */
static int64
number_of(span_waits *waits, flow_text text)
{
	text_entry *entry;
	bool found;

	if (!text.data)
		return 0;
	entry = hash_search(waits->text_numbers, &text.data, HASH_ENTER, &found);
	if (found)
		return entry->number;
	waits->texts =
		reserve(waits, waits->texts, waits->text_count, &waits->text_room, sizeof(Datum));
	waits->texts[waits->text_count++] = text_datum(text);
	entry->number = waits->text_count;
	return entry->number;
}

static int64
marks_of(const staged_span *span, bool calls, bool failed)
{
	int64 marks = calls ? SPAN_MARK_CALLER : 0;

	if (span_is_entry(span))
		marks |= SPAN_MARK_ENTRY;
	if (failed)
		marks |= SPAN_MARK_FAILED;
	if (span->peer_kind == SPAN_PEER_APP)
		marks |= SPAN_MARK_PEER_IS_APP;
	return marks;
}

/* calls: the span waits for what it called; else for who called it. */
static void
add_row(span_waits *waits, const staged_span *span, const int64 *ids, bool calls)
{
	const staged_span *caller = calls ? NULL : span->caller;
	int64 *row;

	waits->numbers = reserve(waits, waits->numbers, waits->count, &waits->room,
							 sizeof(int64) * SPAN_MATRIX_COLUMNS);
	row = waits->numbers + (size_t) waits->count++ * SPAN_MATRIX_COLUMNS;
	row[SPAN_MATRIX_TRACE] = waits->trace_count;
	row[SPAN_MATRIX_SPAN] = (int64) span->span;
	row[SPAN_MATRIX_PARENT] = calls ? 0 : (int64) span->parent;
	row[SPAN_MATRIX_CALLER] = caller ? ids[caller->owner] : 0;
	row[SPAN_MATRIX_OWNER] = ids[span->owner];
	row[SPAN_MATRIX_APP] = ids[span->app];
	row[SPAN_MATRIX_PEER] = calls || span_is_entry(span) ? number_of(waits, span->peer) : 0;
	row[SPAN_MATRIX_ENDPOINT] = calls ? 0 : number_of(waits, span->endpoint);
	row[SPAN_MATRIX_MARKS] = marks_of(span, calls, span->failed || (caller && caller->failed));
	row[SPAN_MATRIX_CALLS] = span->calls;
	row[SPAN_MATRIX_STARTED] = timestamp_from_ns(span->start_ns);
	row[SPAN_MATRIX_DURATION] = span->duration_ns;
}

void
span_waits_add(span_waits *waits, const staged_span *span, const int64 *ids)
{
	if (span_awaits_caller(span))
		add_row(waits, span, ids, false);
	if (span_awaits_callee(span))
		add_row(waits, span, ids, true);
}

Datum
span_waits_traces(const span_waits *waits)
{
	return uuid_array_datum((const uint8_t(*)[16]) waits->traces, waits->trace_count);
}

Datum
span_waits_matrix(const span_waits *waits)
{
	return bigint_matrix_datum(waits->numbers, waits->count, SPAN_MATRIX_COLUMNS);
}

Datum
span_waits_texts(const span_waits *waits)
{
	return PointerGetDatum(
		construct_array(waits->texts, waits->text_count, TEXTOID, -1, false, TYPALIGN_INT));
}
