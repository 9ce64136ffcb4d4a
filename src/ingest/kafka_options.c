/*
 * kafka_options.c
 *		From a source's options to the consumer's.
 *
 * topo.check_source_options() has refused what is wrong when they were written;
 * a table that was written in another way is checked again by the consumer.
 * Values may be secrets: none is ever put into a message here.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "ingest/kafka_options.h"
#include "ingest/source_catalog.h"
#include "settings.h"

static kafka_gap
parse_gap(const char *value)
{
	if (strcmp(value, "earliest") == 0)
		return KAFKA_GAP_EARLIEST;
	if (strcmp(value, "latest") == 0)
		return KAFKA_GAP_LATEST;
	return KAFKA_GAP_STOP;
}

static void
set_option(kafka_options *options, stream_setting *settings, const source_option *option)
{
	if (strncmp(option->name, KAFKA_PASSED_ON, strlen(KAFKA_PASSED_ON)) == 0)
	{
		stream_setting *setting = &settings[options->consumer.setting_count++];

		setting->name = option->name + strlen(KAFKA_PASSED_ON);
		setting->value = option->value;
	}
	else if (strcmp(option->name, "brokers") == 0)
		options->consumer.brokers = option->value;
	else if (strcmp(option->name, "topic") == 0)
		options->topic = option->value;
	else if (strcmp(option->name, "start") == 0)
		options->start_latest = strcmp(option->value, "latest") == 0;
	else if (strcmp(option->name, "on_gap") == 0)
		options->on_gap = parse_gap(option->value);
}

kafka_options *
kafka_options_load(int32 source)
{
	kafka_options *options = palloc0(sizeof(*options));
	List *list = source_load_options(source);
	stream_setting *settings = palloc0(sizeof(*settings) * (list_length(list) + 1));
	ListCell *cell;

	foreach (cell, list)
		set_option(options, settings, lfirst(cell));
	options->consumer.topic = options->topic;
	options->consumer.settings = settings;
	options->consumer.memory = (size_t) topology_batch_memory * 1024 / 2;
	return options;
}

PG_FUNCTION_INFO_V1(topology_check_rdkafka_setting);

Datum
topology_check_rdkafka_setting(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (!stream_setting_is_allowed(name))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s%s\" cannot be given", KAFKA_PASSED_ON, name),
			 errdetail("A source depends on this setting of librdkafka, or it would run code.")));
	PG_RETURN_VOID();
}
