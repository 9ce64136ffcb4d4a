/*
 * kafka_tool.h
 *		The parts of kafka_tool.
 */
#ifndef TOPOLOGY_TEST_KAFKA_TOOL_H
#define TOPOLOGY_TEST_KAFKA_TOOL_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* How long a broker may take to answer. */
#define TOOL_TIMEOUT_MS 10000

/* A command of its own: argv[0] is its name.  Returns the exit status. */
typedef int (*tool_command)(int argc, char **argv);

/* A new client with the options before the command, and more (name, value, ..., NULL). */
extern rd_kafka_t *tool_client(rd_kafka_type_t type, ...);

/* Print why, and exit with status 1. */
extern void tool_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

extern void tool_check(rd_kafka_resp_err_t code, const char *doing);
extern void tool_check_error(rd_kafka_error_t *error, const char *doing);

/* The number that text is; dies if it is none. */
extern int64_t tool_number(const char *text);

/* Partitions of a topic; dies if there is no such topic. */
extern int32_t tool_partitions(rd_kafka_t *client, const char *topic);

/* kafka_tool_produce.c */

/* Counts refused records in the writer that is the topic's opaque. */
extern void tool_on_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque);

extern int command_generate(int argc, char **argv);
extern int command_produce(int argc, char **argv);
extern int command_transaction(int argc, char **argv);

/* kafka_tool_spans.c */

/* Fill out with a message of spans, the number-th; returns its length. */
extern size_t tool_fill_spans(char *out, size_t size, int64_t number, int64_t now_ns);

/* kafka_tool_read.c */

extern int command_ends(int argc, char **argv);
extern int command_leaders(int argc, char **argv);
extern int command_count(int argc, char **argv);

#endif /* TOPOLOGY_TEST_KAFKA_TOOL_H */
