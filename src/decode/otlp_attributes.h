/*
 * otlp_attributes.h
 *		The attributes of OpenTelemetry that mean something to the map.
 *
 * Old and new names of the semantic conventions are both known; what reads them
 * asks for the new one first.  Others are dropped as they are met.
 */
#ifndef TOPOLOGY_DECODE_OTLP_ATTRIBUTES_H
#define TOPOLOGY_DECODE_OTLP_ATTRIBUTES_H

#include "decode/decode.h"

/* In the order of their names' lengths, then of their bytes. */
typedef enum otlp_key
{
	OTLP_DB_NAME,
	OTLP_DB_SYSTEM,
	OTLP_ERROR_TYPE,
	OTLP_HTTP_ROUTE,
	OTLP_RPC_METHOD,
	OTLP_RPC_SYSTEM,
	OTLP_SAMPLE_RATE,
	OTLP_HTTP_METHOD,
	OTLP_RPC_SERVICE,
	OTLP_DB_NAMESPACE,
	OTLP_K8S_POD_NAME,
	OTLP_PEER_SERVICE,
	OTLP_SERVICE_NAME,
	OTLP_URL_TEMPLATE,
	OTLP_NET_PEER_NAME,
	OTLP_DB_SYSTEM_NAME,
	OTLP_SERVER_ADDRESS,
	OTLP_RPC_SYSTEM_NAME,
	OTLP_SERVICE_VERSION,
	OTLP_HTTP_STATUS_CODE,
	OTLP_MESSAGING_SYSTEM,
	OTLP_SERVICE_PEER_NAME,
	OTLP_K8S_DAEMONSET_NAME,
	OTLP_HTTP_REQUEST_METHOD,
	OTLP_K8S_DEPLOYMENT_NAME,
	OTLP_SERVICE_INSTANCE_ID,
	OTLP_K8S_STATEFULSET_NAME,
	OTLP_RPC_GRPC_STATUS_CODE,
	OTLP_SAMPLING_PROBABILITY,
	OTLP_MESSAGING_DESTINATION,
	OTLP_HTTP_RESPONSE_STATUS_CODE,
	OTLP_MESSAGING_DESTINATION_NAME,
	OTLP_KEY_COUNT,
	OTLP_KEY_NONE = OTLP_KEY_COUNT
} otlp_key;

typedef enum otlp_value_kind
{
	OTLP_VALUE_OTHER, /* a list, bytes, nothing */
	OTLP_VALUE_STRING,
	OTLP_VALUE_INTEGER,
	OTLP_VALUE_REAL
} otlp_value_kind;

typedef struct otlp_value
{
	otlp_value_kind kind;
	union
	{
		flow_text text;
		int64_t integer;
		double real;
	};
} otlp_value;

/* The attributes of one resource, span or data point.  All zero: none. */
typedef struct otlp_attributes
{
	uint64_t has; /* bit n: values[n] is there */
	otlp_value values[OTLP_KEY_COUNT];
} otlp_attributes;

/* The key of a name; OTLP_KEY_NONE: it means nothing to us. */
extern otlp_key otlp_key_of(flow_text name);

/* Set an attribute; of two of one name the last counts. */
extern void otlp_attributes_set(otlp_attributes *attributes, otlp_key key, otlp_value value);

/*
 * An attribute as a name: absent if it is not there, no string, empty or longer
 * than DECODE_MAX_TEXT, since a name that is cut may be another's.
 */
extern flow_text otlp_text(const otlp_attributes *attributes, otlp_key key);

/* The first of several that is there as a name. */
extern flow_text otlp_first_text(const otlp_attributes *attributes, const otlp_key *keys,
								 size_t count);

/* An attribute as a number, be it a string.  False: it is not there, or none. */
extern bool otlp_number(const otlp_attributes *attributes, otlp_key key, double *number);

#endif /* TOPOLOGY_DECODE_OTLP_ATTRIBUTES_H */
