/*
 * record_lines.h
 *		Payloads of one record a line, of which some lines cannot be used.
 */
#ifndef TOPOLOGY_INGEST_RECORD_LINES_H
#define TOPOLOGY_INGEST_RECORD_LINES_H

#include "postgres.h"

#include "ingest/record_batch.h"

/* Takes lines in order to the first that it cannot use; false: error says which, from 1. */
typedef bool (*record_lines_decoder)(void *context, const char *payload, size_t length,
									 decode_error *error);

/*
 * Decode all lines but those that decode cannot use, which are handed to refuse;
 * the line of an error is that of the payload.  with_header: a line of field names
 * ("srcaddr" or "version" among them) holds for those after it; it is put before a
 * line that is refused.
 */
extern void record_lines_walk(const char *payload, size_t length, bool with_header,
							  record_lines_decoder decode, void *decode_context,
							  record_refusal refuse, void *refuse_context);

#endif /* TOPOLOGY_INGEST_RECORD_LINES_H */
