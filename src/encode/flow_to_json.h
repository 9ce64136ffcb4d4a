/*
 * flow_to_json.h
 *		The native flow record as JSON, the other way round from decode/flow_json.h.
 */
#ifndef TOPOLOGY_ENCODE_FLOW_TO_JSON_H
#define TOPOLOGY_ENCODE_FLOW_TO_JSON_H

#include "flow/flow.h"

/*
 * Write a record into buffer, one line without its end, and return its length.
 * A result above size says that it did not fit and the buffer is of no use.
 * Whatever decode_flow_json() reads back equals the record.  That asks of it
 * what all records keep to: UTF-8 without NUL, counters up to FLOW_COUNTER_MAX,
 * a role and a protocol that there are, and a translation that changes
 * something.
 *
 * What has its default value (an absent text, 0, a role not known) is left out.
 */
extern size_t encode_flow_json(const flow_record *record, char *buffer, size_t size);

#endif /* TOPOLOGY_ENCODE_FLOW_TO_JSON_H */
