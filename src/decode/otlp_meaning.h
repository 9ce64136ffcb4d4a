/*
 * otlp_meaning.h
 *		What spans and data points of OpenTelemetry mean to the map.
 *
 * OTLP comes as JSON and as protobuf; both readers fill the structs below and
 * ask here for the record, so the mapping is written once, and an error is told
 * with the same path, that of the JSON names.
 *
 * Of a resource: service is service.name, else the name of its Kubernetes
 * deployment, stateful set or daemon set; cluster is service-version
 * ("checkout-v12") with service.version, else the name of that Kubernetes
 * object; instance is service.instance.id, else k8s.pod.name.
 *
 * Of a span or data point:
 *
 *	endpoint	http.route (url.template), after the method if it is there ("GET
 *				/cart/{id}"); else rpc.service/rpc.method, of which either may be
 *				missing; else of a span its name
 *	peer		service.peer.name, else peer.service: an app.  Else of a database
 *				(db.system.name, db.system), "system/namespace", "system/address" or
 *				"system"; of a messaging system, "system/destination" or the same; else
 *				the address alone: an external.  The address is server.address, else
 *				net.peer.name.  Of a server span or metric only the first two, since what
 *				else it says is of itself.  A database or messaging system named by
 *				service.peer.name or peer.service keeps its kind under that name
 *
 * New names of the conventions are preferred to old ones.  Names longer than
 * DECODE_MAX_TEXT are absent.
 */
#ifndef TOPOLOGY_DECODE_OTLP_MEANING_H
#define TOPOLOGY_DECODE_OTLP_MEANING_H

#include "decode/histogram.h"
#include "decode/otlp_attributes.h"

/* Room for a name that is made of two. */
typedef struct otlp_name_room
{
	char bytes[DECODE_MAX_TEXT];
} otlp_name_room;

typedef struct otlp_resource
{
	otlp_attributes attributes;

	/* Made of these by otlp_resource_settle. */
	flow_text service;
	flow_text cluster;
	flow_text instance;
	otlp_name_room cluster_room;
} otlp_resource;

/* Bits of otlp_span.has. */
enum
{
	OTLP_SPAN_TRACE_ID = 1 << 0,
	OTLP_SPAN_ID = 1 << 1,
	OTLP_SPAN_PARENT_ID = 1 << 2
};

/* A span as it was sent; has says which ids were. */
typedef struct otlp_span
{
	uint32_t has;
	uint8_t trace_id[16];
	uint8_t span_id[8];
	uint8_t parent_span_id[8];
	int64_t start_ns; /* 0: none */
	int64_t end_ns;   /* the same */
	int64_t kind;
	int64_t status;
	flow_text trace_state;
	flow_text name;
	otlp_attributes attributes;
} otlp_span;

/* What a metric measures; OTLP_METRIC_OTHER: nothing of ours. */
typedef enum otlp_metric_kind
{
	OTLP_METRIC_OTHER,
	OTLP_METRIC_HTTP_CLIENT,
	OTLP_METRIC_HTTP_SERVER,
	OTLP_METRIC_RPC_CLIENT,
	OTLP_METRIC_RPC_SERVER
} otlp_metric_kind;

/* AggregationTemporality. */
#define OTLP_DELTA      1
#define OTLP_CUMULATIVE 2

/* The flag of a data point that says that there is nothing in it. */
#define OTLP_NO_RECORDED_VALUE 1

typedef struct otlp_metric
{
	otlp_metric_kind kind;
	double unit_ns;
} otlp_metric;

/* A data point as it was sent. */
typedef struct otlp_point
{
	int64_t start_ns; /* 0: none, taken for time_ns */
	int64_t time_ns;
	int64_t flags;
	bool exponential;
	bool negative; /* there are counts of negative values */
	otlp_attributes attributes;
	decode_histogram histogram;
} otlp_point;

/* An empty span, and an empty data point of a metric. */
extern void otlp_span_clear(otlp_span *span);
extern void otlp_point_clear(otlp_point *point, const otlp_metric *metric, bool exponential);

/* Settle the resource's names, after its attributes. */
extern void otlp_resource_settle(otlp_resource *resource);

/* Whether the bytes of a trace or span id have one that is not 0. */
extern bool otlp_id_is_valid(const uint8_t *id, size_t length);

/*
 * The record of a span.  Its texts are the span's, the resource's and room's.
 * False: error says which field is missing or wrong.
 *
 * adjusted_count, after what comes first: the threshold of tracestate's
 * ot=th:..., its ot=p:..., the attribute sampling.probability, the attribute
 * SampleRate; what is malformed or out of range says nothing.
 */
typedef struct otlp_span_room
{
	otlp_name_room endpoint;
	otlp_name_room peer;
} otlp_span_room;

extern bool otlp_span_record(const otlp_resource *resource, const otlp_span *span,
							 otlp_span_room *room, span_record *record, decode_error *error);

/*
 * What a metric of that name and unit is.  The durations of calls are
 * http.client.request.duration, http.server.request.duration,
 * rpc.client.call.duration, rpc.server.call.duration, in seconds, and their
 * forerunners http.client.duration, http.server.duration, rpc.client.duration,
 * rpc.server.duration, in milliseconds; a unit of s, ms, us or ns that is told
 * counts more than the name.  A unit that is none of these: false, with error.
 */
extern bool otlp_metric_settle(flow_text name, flow_text unit, otlp_metric *metric,
							   decode_error *error);

/*
 * Whether histograms of this temporality can be used: only delta, since what
 * a cumulative one adds to the last is not in it, and the last may have been
 * read by another process, or not at all.  False: error says what to set.
 */
extern bool otlp_temporality_check(int64_t temporality, decode_error *error);

/*
 * The record of a data point of metric; point's histogram is used up.  The
 * resource is the client of a client's metric, and its peer the server; of a
 * server's the other way round, and the client is known only if a peer is named
 * as an app.  The calls of a point have failed, all of them, if it has
 * error.type, an HTTP status from 500 (for a client from 400), or a gRPC status
 * other than 0 (for a server only those that are its fault).  1: done; 0: there
 * is nothing in it; -1: error is filled.
 */
extern int otlp_point_record(const otlp_resource *resource, const otlp_metric *metric,
							 otlp_point *point, otlp_span_room *room, call_record *record,
							 decode_error *error);

#endif /* TOPOLOGY_DECODE_OTLP_MEANING_H */
