/*
 * run_options.c
 *		What the command line of run asked for.
 */
#include "agent/run_options.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/option_values.h"
#include "agent/pin_options.h"
#include "capture/pins.h"

#define MEGABYTE     (1024 * 1024)
#define LEAST_MEMORY ((size_t) 4 * MEGABYTE)

/* What getopt_long() returns for an option without a letter. */
enum
{
	OPTION_BROKERS = 256,
	OPTION_TOPIC,
	OPTION_SETTINGS,
	OPTION_STDOUT,
	OPTION_HOST,
	OPTION_REGION,
	OPTION_SCOPE,
	OPTION_RULES,
	OPTION_NETNS,
	OPTION_EXCEPT_NETNS,
	OPTION_DIR,
	OPTION_INTERVAL,
	OPTION_STATUS,
	OPTION_WAIT,
	OPTION_MEMORY
};

static const struct option known[] = {
	{"brokers", required_argument, NULL, OPTION_BROKERS},
	{"topic", required_argument, NULL, OPTION_TOPIC},
	{"settings", required_argument, NULL, OPTION_SETTINGS},
	{"stdout", no_argument, NULL, OPTION_STDOUT},
	{"host", required_argument, NULL, OPTION_HOST},
	{"region", required_argument, NULL, OPTION_REGION},
	{"scope", required_argument, NULL, OPTION_SCOPE},
	{"rules", required_argument, NULL, OPTION_RULES},
	{"netns", required_argument, NULL, OPTION_NETNS},
	{"except-netns", required_argument, NULL, OPTION_EXCEPT_NETNS},
	{"dir", required_argument, NULL, OPTION_DIR},
	{"interval", required_argument, NULL, OPTION_INTERVAL},
	{"status", required_argument, NULL, OPTION_STATUS},
	{"wait", required_argument, NULL, OPTION_WAIT},
	{"memory", required_argument, NULL, OPTION_MEMORY},
	{NULL, 0, NULL, 0}};

/* Where the text of an option goes; NULL: it is no plain text. */
static const char **
text_of(run_options *options, int option)
{
	switch (option)
	{
		case OPTION_BROKERS:
			return &options->brokers;
		case OPTION_TOPIC:
			return &options->topic;
		case OPTION_HOST:
			return &options->host;
		case OPTION_REGION:
			return &options->region;
		case OPTION_SCOPE:
			return &options->scope;
		case OPTION_RULES:
			return &options->rules_file;
		case OPTION_NETNS:
			return &options->netns;
		case OPTION_EXCEPT_NETNS:
			return &options->except_netns;
		case OPTION_DIR:
			return &options->dir;
		default:
			return NULL;
	}
}

static bool
take_memory(run_options *options)
{
	uint64_t bytes;

	if (!option_size("memory", optarg, &bytes))
		return false;
	options->memory = bytes;
	return bytes >= LEAST_MEMORY || option_refuse("memory", optarg, "at least 4MB");
}

static bool
take_other(run_options *options, int option)
{
	switch (option)
	{
		case 'X':
			return settings_add(&options->settings, "-X", optarg);
		case OPTION_SETTINGS:
			return settings_read(&options->settings, optarg);
		case OPTION_STDOUT:
			options->to_stdout = true;
			return true;
		case OPTION_INTERVAL:
			return option_fraction("interval", optarg, 100, 60000, &options->interval_ms);
		case OPTION_STATUS:
			return option_fraction("status", optarg, 0, 86400000, &options->status_ms);
		case OPTION_WAIT:
			return option_fraction("wait", optarg, 0, 3600000, &options->wait_ms);
		case OPTION_MEMORY:
			return take_memory(options);
	}
	return false;
}

static bool
take_option(run_options *options, int option)
{
	const char **text = text_of(options, option);

	if (text == NULL)
		return take_other(options, option);
	*text = optarg;
	return optarg[0] != '\0' ||
		   option_refuse(known[option - OPTION_BROKERS].name, optarg, "a text that is not empty");
}

static bool
refuse(const char *message)
{
	agent_fail(AGENT_USAGE, "%s; see topology-agent run --help", message);
	return false;
}

static bool
check_together(const run_options *options)
{
	if (options->to_stdout)
	{
		if (options->brokers != NULL || options->topic != NULL || options->settings.count > 0)
			return refuse("--stdout takes neither brokers, topic nor settings");
	}
	else if (options->brokers == NULL || options->topic == NULL)
		return refuse("--brokers and --topic must be given, or --stdout");
	if (options->netns != NULL && options->except_netns != NULL)
		return refuse("--netns and --except-netns cannot both be given");
	return pin_options_check_dir(options->dir);
}

/* Not getopt's own words, which show a value that may be a secret. */
static bool
refuse_word(const char *word)
{
	agent_fail(AGENT_USAGE,
			   "unknown option, or no value for it: \"%.*s\"; see topology-agent run --help",
			   (int) strcspn(word, "="), word);
	return false;
}

bool
run_options_parse(int argc, char **argv, run_options *options)
{
	int option;

	memset(options, 0, sizeof(*options));
	gethostname(options->host_name, sizeof(options->host_name) - 1);
	options->host = options->host_name;
	options->dir = PIN_DEFAULT_DIR;
	options->interval_ms = 2000;
	options->status_ms = 60000;
	options->wait_ms = 10000;
	options->memory = (size_t) 64 * MEGABYTE;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "X:", known, NULL)) != -1)
	{
		if (option == '?')
			return refuse_word(argv[optind - 1]);
		if (!take_option(options, option))
			return false;
	}
	if (optind < argc)
		return refuse("there is a word that belongs to no option");
	return check_together(options);
}

void
run_options_free(run_options *options)
{
	settings_free(&options->settings);
}
