/*
 * stream_setting_test.c
 *		Settings of Kafka clients: which are refused, and that secrets stay secret.
 */
#include "unit.h"

#include <string.h>

#include "stream/consumer_state.h"
#include "stream/producer.h"

static void
secrets_are_told_from_what_helps(void **state)
{
	static const char *const secret[] = {"sasl.password",         "sasl.username",
										 "ssl.key.password",      "ssl.key.pem",
										 "ssl.certificate.pem",   "SASL.Password",
										 "ssl.keystore.password", "sasl.oauthbearer.client.secret",
										 "sasl.pasword",          "sasl.oauthbearer.config"};
	static const char *const open[] = {"security.protocol", "sasl.mechanism", "ssl.ca.location",
									   "ssl.key.location", "client.id"};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(secret); i++)
		assert_true(stream_setting_is_secret(secret[i]));
	for (size_t i = 0; i < LENGTH_OF(open); i++)
		assert_false(stream_setting_is_secret(open[i]));
}

static void
settings_that_load_or_run_code_or_break_promises_are_refused(void **state)
{
	static const char *const refused[] = {"plugin.library.paths",    "ssl.engine.location",
										  "sasl.kerberos.kinit.cmd", "enable.auto.commit",
										  "isolation.level",         "queued.max.messages.kbytes",
										  "Bootstrap.Servers",       "debug",
										  "fetch.max.bytes"};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(refused); i++)
		assert_false(stream_setting_is_allowed(refused[i]));
	assert_true(stream_setting_is_allowed("security.protocol"));
	assert_true(stream_setting_is_allowed("receive.message.max.bytes"));
	assert_true(stream_setting_is_allowed("queue"));
}

/* What is left of text in a buffer of size bytes, with these secrets. */
static void
assert_redacted(const char *first, const char *second, const char *text, size_t size,
				const char *expected)
{
	char *values[] = {(char *) (uintptr_t) first, (char *) (uintptr_t) second};
	stream_secrets secrets = {values, second == NULL ? 1 : 2};
	char *buffer = malloc(size);

	snprintf(buffer, size, "%s", text);
	stream_secrets_redact(&secrets, buffer, size);
	assert_string_equal(buffer, expected);
	free(buffer);
}

static void
every_secret_is_taken_out_of_a_text(void **state)
{
	(void) state;
	assert_redacted("hunter2", NULL, "no secret here", 64, "no secret here");
	assert_redacted("hunter2", NULL, "hunter2 and hunter2", 64, "*** and ***");
	assert_redacted("alice", "hunter2", "alice:hunter2@host", 64, "***:***@host");
	assert_redacted("a", NULL, "banana", 64, "b***n***n***");
	assert_redacted("*", NULL, "2*3", 64, "2***3");
	assert_redacted("a", NULL, "banana", 8, "b***n");
	assert_redacted("a", NULL, "aaaa", 5, "***");
}

static void
a_secret_that_was_cut_off_is_taken_out_too(void **state)
{
	(void) state;
	assert_redacted("correct-horse", NULL, "the password correct-ho", 64, "the password ");
	assert_redacted("correct-horse", NULL, "the password cor", 64, "the password cor");
}

static stream_error
error_of(const char *name, const char *value)
{
	const stream_setting setting = {name, value};
	stream_consumer_options options = {
		.brokers = "127.0.0.1:1", .topic = "t", .settings = &setting, .setting_count = 1};
	stream_error error;

	assert_null(stream_consumer_open(&options, &error));
	return error;
}

static void
a_bad_setting_is_told_without_its_secret(void **state)
{
	static const stream_setting cases[] = {{"sasl.pasword", "hunter2"},
										   {"sasl.oauthbearer.method", "hunter"},
										   {"plugin.library.paths", "/tmp/hunter2.so"},
										   {"socket.timeout.ms", "soon"},
										   {"sasl.mechanism", "GSSAPI"}};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		stream_error error = error_of(cases[i].name, cases[i].value);

		assert_int_equal(error.kind, STREAM_BAD_SETTING);
		assert_false(stream_error_may_pass(error.kind));
		assert_null(strstr(error.message, "hunter2"));
		assert_null(strstr(error.hint, "hunter2"));
	}
}

static void
a_client_without_a_broker_says_so_and_closes(void **state)
{
	stream_consumer_options options = {.brokers = "127.0.0.1:1", .topic = "t"};
	stream_error error;
	stream_metadata metadata;
	stream_consumer *consumer = stream_consumer_open(&options, &error);
	stream_position position = {.partition = 3, .next_offset = 7, .last_offset = -1};

	(void) state;
	assert_non_null(consumer);
	assert_true(stream_consumer_assign(consumer, &position, 1, &error));
	assert_int_equal(stream_consumer_position(consumer, 3).next_offset, 7);
	assert_false(stream_consumer_metadata(consumer, 200, &metadata, &error));
	assert_int_equal(error.kind, STREAM_BROKER_AWAY);
	position.last_offset = 7;
	assert_false(stream_consumer_assign(consumer, &position, 1, &error));
	assert_int_equal(error.kind, STREAM_BAD_SETTING);
	stream_consumer_close(consumer);
}

#define MOST_RECORDS 100000

/* How often each tag was reported as not written; any other fate fails the test. */
static uint8_t not_written[MOST_RECORDS];

static void
note_report(void *context, uintptr_t tag, stream_fate fate)
{
	assert_ptr_equal(context, not_written);
	assert_int_equal(fate, STREAM_NOT_WRITTEN);
	assert_true(tag < MOST_RECORDS);
	not_written[tag]++;
}

static uint64_t
fill(stream_producer *producer)
{
	stream_outgoing record = {.payload = "record", .payload_length = 6};
	stream_error error;

	while (record.tag < MOST_RECORDS &&
		   stream_producer_send(producer, &record, &error) == STREAM_SENT)
		record.tag++;
	return record.tag;
}

static void
a_producer_without_a_broker_takes_records_until_it_is_full(void **state)
{
	stream_producer_options options = {.brokers = "127.0.0.1:1", .topic = "t", .memory = 1 << 20};
	stream_error error;
	stream_producer *producer = stream_producer_open(&options, &error);
	uint64_t sent;

	(void) state;
	assert_non_null(producer);
	sent = fill(producer);
	assert_in_range(sent, 100, 10000);
	assert_int_equal(stream_producer_count(producer).in_flight, sent);
	assert_false(stream_producer_flush(producer, 10));
	stream_producer_close(producer);
}

static void
records_that_are_abandoned_are_reported_once_each(void **state)
{
	stream_producer_options options = {.brokers = "127.0.0.1:1",
									   .topic = "t",
									   .memory = 1 << 20,
									   .report = note_report,
									   .report_context = not_written};
	stream_error error;
	stream_producer *producer = stream_producer_open(&options, &error);
	stream_producer_counts counts;
	uint64_t sent;

	(void) state;
	assert_non_null(producer);
	sent = fill(producer);
	stream_producer_abandon(producer);
	for (uint64_t tag = 0; tag < MOST_RECORDS; tag++)
		assert_int_equal(not_written[tag], tag < sent);
	counts = stream_producer_count(producer);
	assert_int_equal(counts.in_flight, 0);
	assert_int_equal(counts.failed, sent);
	assert_int_equal(counts.uncertain, 0);
	stream_producer_close(producer);
}

static void
a_record_is_recognised_by_time_key_and_payload(void **state)
{
	char long_payload[300] = {0};
	stream_message message = {
		.timestamp_ms = 1, .key = "k", .key_length = 1, .payload = "abc", .payload_length = 3};
	stream_message other = message;
	uint64_t fingerprint = consumer_fingerprint(&message);

	(void) state;
	assert_true(consumer_fingerprint(&other) == fingerprint);
	other.timestamp_ms = 2;
	assert_true(consumer_fingerprint(&other) != fingerprint);
	other = message;
	other.payload = "abd";
	assert_true(consumer_fingerprint(&other) != fingerprint);
	other.payload = NULL;
	other.payload_length = 0;
	assert_true(consumer_fingerprint(&other) != fingerprint);
	other = message;
	other.key = NULL;
	other.key_length = 0;
	assert_true(consumer_fingerprint(&other) != fingerprint);
	other.payload = long_payload;
	other.payload_length = sizeof(long_payload);
	fingerprint = consumer_fingerprint(&other);
	long_payload[299] = 1;
	assert_true(consumer_fingerprint(&other) != fingerprint);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_told_from_what_helps),
		cmocka_unit_test(settings_that_load_or_run_code_or_break_promises_are_refused),
		cmocka_unit_test(every_secret_is_taken_out_of_a_text),
		cmocka_unit_test(a_secret_that_was_cut_off_is_taken_out_too),
		cmocka_unit_test(a_bad_setting_is_told_without_its_secret),
		cmocka_unit_test(a_client_without_a_broker_says_so_and_closes),
		cmocka_unit_test(a_producer_without_a_broker_takes_records_until_it_is_full),
		cmocka_unit_test(records_that_are_abandoned_are_reported_once_each),
		cmocka_unit_test(a_record_is_recognised_by_time_key_and_payload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
