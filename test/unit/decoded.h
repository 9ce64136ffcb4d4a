/*
 * decoded.h
 *		Payloads decoded for a test, and what is said of them.
 */
#ifndef TOPOLOGY_UNIT_DECODED_H
#define TOPOLOGY_UNIT_DECODED_H

#include "unit.h"

#include "decode/formats.h"

#define MAX_RECORDS 8

/* The required fields, for records that are about another. */
#define REQUIRED                                                                                   \
	"\"start\":1,\"end\":2,\"proto\":\"tcp\",\"local\":{\"ip\":\"10.0.0.7\"},"                     \
	"\"peer\":{\"ip\":\"10.0.1.9\"}"

/* A record with every field. */
extern const char full_record[];

/*
 * What a payload came to; the records' texts and buckets are copies.  Of the
 * three kinds of records the format has one.
 */
typedef struct decoded
{
	int64_t result;
	decode_error error;
	flow_record records[MAX_RECORDS];
	span_record spans[MAX_RECORDS];
	call_record calls[MAX_RECORDS];
	int count;
	void *copies[MAX_RECORDS * 8];
	int copy_count;
} decoded;

/*
 * Decode bytes of a format.  Fills into, which is to be given to forget().
 * Fails the test if the same payload comes to something else without a sink.
 */
extern void decode_as(const char *format, const char *payload, size_t length, decoded *into);
extern void forget(decoded *what);

/* The same of the native flow record. */
extern void decode_bytes(const char *payload, size_t length, decoded *into);

/* Decode a text that must be just count records; fails the test else. */
extern void decode_text_as(const char *format, const char *payload, int64_t count, decoded *into);

/* Fails the test unless bytes of a format are refused with just this. */
extern void assert_refused_as(const char *format, const char *payload, size_t length, int64_t line,
							  const char *field, const char *message);

/* Whether two spans, or two calls, are alike in everything. */
extern void assert_spans_equal(const span_record *a, const span_record *b);
extern void assert_calls_equal(const call_record *a, const call_record *b);

/* The one record of a payload; fails the test if there are none or more. */
extern flow_record one_record(const char *payload, decoded *into);

/* The same for a record that must have no text. */
extern flow_record record_without_texts(const char *payload);

/* Fails the test unless the payload is one record with nothing but REQUIRED. */
extern void assert_bare_record(const char *payload);

/* Fails the test unless the payload is refused with just this. */
extern void assert_refused(const char *payload, int64_t line, const char *field,
						   const char *message);

#endif /* TOPOLOGY_UNIT_DECODED_H */
