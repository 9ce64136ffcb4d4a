/*
 * error.c
 *		Kinds of errors, and what librdkafka's codes mean.
 */
#include <stdarg.h>
#include <stdio.h>

#include "stream/client.h"

static const struct
{
	const char *name;
	const char *hint;
	bool may_pass;
} kinds[STREAM_ERROR_KINDS] = {
	[STREAM_NO_ERROR] = {"none", "", true},
	[STREAM_BAD_SETTING] = {"bad setting", "", false},
	[STREAM_OUT_OF_MEMORY] = {"out of memory", "", true},
	[STREAM_BROKER_AWAY] = {"broker away", "Check the brokers' addresses and that they run.", true},
	[STREAM_TLS] = {"tls", "Check security.protocol and the ssl.* settings.", true},
	[STREAM_AUTHENTICATION] = {"authentication",
							   "Check sasl.mechanism, sasl.username and sasl.password.", true},
	[STREAM_AUTHORIZATION] = {"authorization", "Grant this user the access that it lacks.", true},
	[STREAM_UNKNOWN_TOPIC] = {"unknown topic", "Check the topic's name; it may have been deleted.",
							  true},
	[STREAM_OFFSET_GONE] = {"offset gone", "Choose where to go on; what is between is lost.",
							false},
	[STREAM_TOPIC_RECREATED] = {"topic recreated",
								"Make sure that it is the right topic, then choose where to begin.",
								false},
	[STREAM_BAD_MESSAGE] = {"bad message", "", false},
	[STREAM_FATAL] = {"fatal", "", false},
};

bool
stream_error_may_pass(stream_error_kind kind)
{
	return kinds[kind].may_pass;
}

const char *
stream_error_kind_name(stream_error_kind kind)
{
	return kinds[kind].name;
}

bool
stream_fail(stream_error *error, stream_error_kind kind, int code, const char *hint,
			const char *format, ...)
{
	va_list arguments;

	error->kind = kind;
	error->code = code;
	error->partition = -1;
	va_start(arguments, format);
	vsnprintf(error->message, sizeof(error->message), format, arguments);
	va_end(arguments);
	snprintf(error->hint, sizeof(error->hint), "%s", hint[0] ? hint : kinds[kind].hint);
	return false;
}

stream_error_kind
stream_error_kind_of(rd_kafka_resp_err_t code)
{
	switch ((int) code)
	{
		case RD_KAFKA_RESP_ERR_NO_ERROR:
			return STREAM_NO_ERROR;
		case RD_KAFKA_RESP_ERR__FATAL:
			return STREAM_FATAL;
		case RD_KAFKA_RESP_ERR__SSL:
			return STREAM_TLS;
		case RD_KAFKA_RESP_ERR__AUTHENTICATION:
		case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
		case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
		case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
			return STREAM_AUTHENTICATION;
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
			return STREAM_AUTHORIZATION;
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
		case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
			return STREAM_UNKNOWN_TOPIC;
		case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
		case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
			return STREAM_OFFSET_GONE;
		case RD_KAFKA_RESP_ERR__BAD_MSG:
		case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
		case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
		case RD_KAFKA_RESP_ERR__UNDERFLOW:
		case RD_KAFKA_RESP_ERR_INVALID_MSG:
		case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_INVALID_RECORD:
			return STREAM_BAD_MESSAGE;
		default:
			return STREAM_BROKER_AWAY;
	}
}
