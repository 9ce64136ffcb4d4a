/*
 * formats.c
 *		Every format by its name.
 */
#include "decode/formats.h"

#include "decode/flow_json.h"
#include "decode/hubble.h"
#include "decode/ipc_json.h"
#include "decode/netobserv.h"
#include "decode/otlp_json.h"
#include "decode/otlp_metrics_json.h"
#include "decode/otlp_metrics_proto.h"
#include "decode/otlp_proto.h"
#include "decode/vpc.h"

#include <string.h>

static const decode_format formats[] = {
	{"flow",
	 "flow records of this extension, JSON, one a line",
	 DECODE_FLOWS,
	 {.flows = decode_flow_json}},
	{"netobserv",
	 "flow logs of the Network Observability operator, JSON, one a line",
	 DECODE_FLOWS,
	 {.flows = decode_netobserv}},
	{"hubble",
	 "flows of Cilium's Hubble, JSON, one a line",
	 DECODE_FLOWS,
	 {.flows = decode_hubble}},
	{"vpc",
	 "flow logs of AWS VPCs, one a line, with or without a line of field names",
	 DECODE_FLOWS,
	 {.flows = decode_vpc}},
	{"ipc",
	 "calls between services, JSON, one record a line",
	 DECODE_CALLS,
	 {.calls = decode_ipc_json}},
	{"otlp_json", "OpenTelemetry traces, JSON", DECODE_SPANS, {.spans = decode_otlp_json}},
	{"otlp_proto", "OpenTelemetry traces, protobuf", DECODE_SPANS, {.spans = decode_otlp_proto}},
	{"otlp_metrics_json",
	 "OpenTelemetry metrics, JSON: durations of HTTP and RPC calls",
	 DECODE_CALLS,
	 {.calls = decode_otlp_metrics_json}},
	{"otlp_metrics_proto",
	 "OpenTelemetry metrics, protobuf: durations of HTTP and RPC calls",
	 DECODE_CALLS,
	 {.calls = decode_otlp_metrics_proto}},
};

size_t
decode_format_count(void)
{
	return sizeof(formats) / sizeof(formats[0]);
}

const decode_format *
decode_format_at(size_t index)
{
	return &formats[index];
}

const decode_format *
decode_format_find(const char *name)
{
	for (size_t i = 0; i < decode_format_count(); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}
