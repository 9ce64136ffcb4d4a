/*
 * decoded.h
 *		Payloads of flow records decoded for a test, and what is said of them.
 */
#ifndef TOPOLOGY_UNIT_DECODED_H
#define TOPOLOGY_UNIT_DECODED_H

#include "unit.h"

#include "decode/flow_json.h"

#define MAX_RECORDS 8

/* The required fields, for records that are about another. */
#define REQUIRED                                                                                   \
	"\"start\":1,\"end\":2,\"proto\":\"tcp\",\"local\":{\"ip\":\"10.0.0.7\"},"                     \
	"\"peer\":{\"ip\":\"10.0.1.9\"}"

/* A record with every field. */
extern const char full_record[];

/* What a payload came to; the records' texts are copies. */
typedef struct decoded
{
	int64_t result;
	decode_error error;
	flow_record records[MAX_RECORDS];
	int count;
	char *texts[MAX_RECORDS * 6];
	int text_count;
} decoded;

/* Fills into, which is to be given to forget(). */
extern void decode_bytes(const char *payload, size_t length, decoded *into);
extern void forget(decoded *what);

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
