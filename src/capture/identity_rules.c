/*
 * identity_rules.c
 *		Which of the things known of a process name its app and its cluster.
 *
 * A set of rules owns its compiled expressions and copies of the texts.  It is
 * read-only once parsed.  Applying costs one regexec() for each rule tried, so
 * callers keep the result for each process.
 */
#include "capture/identity_rules.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/utf8.h"

#define RULE_GROUPS 10
#define VALUE_SIZE  512

typedef enum rule_target
{
	RULE_APP,
	RULE_CLUSTER
} rule_target;

typedef struct identity_rule
{
	rule_target target;
	char *attribute;
	char *template;
	regex_t expression;
	struct identity_rule *next;
} identity_rule;

struct identity_rules
{
	identity_rule *first;
};

/* What a template is expanded from. */
typedef struct expansion
{
	identity_attribute attribute;
	void *context;
	const char *app;
	const char *value;
	const regmatch_t *groups;
	char *to;
	size_t size;
	size_t used;
} expansion;

static const char default_rules[] =
	"# What OpenTelemetry calls the service.\n"
	"app otel.service.name ^(.+)$ \\1\n"
	"# Units that run other people's programs say nothing of the program.\n"
	"app unit ^(docker|containerd|crio|kubelet|ssh|sshd|cron|crond|user|runuser)(@.*)?\\.service$ "
	"{process}\n"
	"app unit ^(getty|serial-getty|console-getty)(@.*)?\\.service$ {process}\n"
	"app unit ^([^@]+)(@.*)?\\.service$ \\1\n"
	"app process ^(.+)$ \\1\n"
	"cluster otel.service.version ^(.+)$ {app}-\\1\n";

const char *
identity_rules_default(void)
{
	return default_rules;
}

static void
free_rule(identity_rule *rule)
{
	regfree(&rule->expression);
	free(rule->attribute);
	free(rule->template);
	free(rule);
}

void
identity_rules_free(identity_rules *rules)
{
	if (rules == NULL)
		return;
	while (rules->first != NULL)
	{
		identity_rule *rule = rules->first;

		rules->first = rule->next;
		free_rule(rule);
	}
	free(rules);
}

/* The next word, NUL-terminated in place; *line moves behind it.  NULL: none. */
static char *
next_word(char **line)
{
	char *word = *line + strspn(*line, " \t\r");
	char *end = word + strcspn(word, " \t\r");

	if (*word == '\0')
		return NULL;
	*line = *end == '\0' ? end : end + 1;
	*end = '\0';
	return word;
}

static char *
rest_of_line(char *line)
{
	size_t length;

	line += strspn(line, " \t\r");
	length = strlen(line);
	while (length > 0 && isspace((unsigned char) line[length - 1]))
		line[--length] = '\0';
	return line;
}

static bool
attribute_is_known(const char *name)
{
	static const char *const names[] = {"container.id", "pod.uid", "unit",
										"process",      "netns",   "host"};

	if (strncmp(name, "otel.", 5) == 0)
		return name[5] != '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool
parse_target(const char *word, rule_target *target, identity_rules_error *error)
{
	if (strcmp(word, "app") == 0)
		*target = RULE_APP;
	else if (strcmp(word, "cluster") == 0)
		*target = RULE_CLUSTER;
	else
	{
		snprintf(error->message, sizeof(error->message),
				 "target \"%.40s\" is neither \"app\" nor \"cluster\"", word);
		return false;
	}
	return true;
}

static identity_rule *
out_of_memory(identity_rules_error *error)
{
	error->line = 0;
	snprintf(error->message, sizeof(error->message), "out of memory");
	return NULL;
}

static identity_rule *
make_rule(rule_target target, const char *attribute, const char *expression, const char *template,
		  identity_rules_error *error)
{
	identity_rule *rule = calloc(1, sizeof(*rule));
	int result;

	if (rule == NULL)
		return out_of_memory(error);
	result = regcomp(&rule->expression, expression, REG_EXTENDED);
	if (result != 0)
	{
		size_t used = (size_t) snprintf(error->message, sizeof(error->message),
										"wrong regular expression \"%.60s\": ", expression);

		regerror(result, &rule->expression, error->message + used, sizeof(error->message) - used);
		free(rule);
		return NULL;
	}
	rule->target = target;
	rule->attribute = strdup(attribute);
	rule->template = strdup(template);
	if (rule->attribute != NULL && rule->template != NULL)
		return rule;
	free_rule(rule);
	return out_of_memory(error);
}

static identity_rule *
parse_rule(char *line, identity_rules_error *error)
{
	char *target_word = next_word(&line);
	char *attribute = next_word(&line);
	char *expression = next_word(&line);
	char *template = rest_of_line(line);
	rule_target target;

	if (expression == NULL || *template == '\0')
	{
		snprintf(error->message, sizeof(error->message),
				 "expected a target, an attribute, a regular expression and a template");
		return NULL;
	}
	if (!parse_target(target_word, &target, error))
		return NULL;
	if (!attribute_is_known(attribute))
	{
		snprintf(error->message, sizeof(error->message), "there is no attribute \"%.60s\"",
				 attribute);
		return NULL;
	}
	return make_rule(target, attribute, expression, template, error);
}

static bool
is_comment(const char *line)
{
	line += strspn(line, " \t\r");
	return *line == '\0' || *line == '#';
}

/* Takes copy apart.  Rules are appended at *tail. */
static bool
parse_lines(char *copy, identity_rule **tail, identity_rules_error *error)
{
	char *line, *state = copy;

	for (error->line = 1; (line = strsep(&state, "\n")) != NULL; error->line++)
	{
		if (is_comment(line))
			continue;
		*tail = parse_rule(line, error);
		if (*tail == NULL)
			return false;
		tail = &(*tail)->next;
	}
	return true;
}

identity_rules *
identity_rules_parse(const char *text, identity_rules_error *error)
{
	identity_rules *rules = calloc(1, sizeof(*rules));
	char *copy = strdup(text);
	bool parsed = false;

	if (rules == NULL || copy == NULL)
		out_of_memory(error);
	else
		parsed = parse_lines(copy, &rules->first, error);
	free(copy);
	if (parsed)
		return rules;
	identity_rules_free(rules);
	return NULL;
}

static void
append(expansion *expansion, const char *text, size_t length)
{
	size_t room = expansion->size - 1 - expansion->used;

	if (length > room)
		length = room;
	memcpy(expansion->to + expansion->used, text, length);
	expansion->used += length;
}

static void
append_group(expansion *expansion, int group)
{
	const regmatch_t *match = &expansion->groups[group];

	if (match->rm_so >= 0)
		append(expansion, expansion->value + match->rm_so, (size_t) (match->rm_eo - match->rm_so));
}

/* {name}, of the given length without the braces.  False: there is no such value. */
static bool
append_attribute(expansion *expansion, const char *name, size_t length)
{
	char key[128], value[VALUE_SIZE];

	if (length >= sizeof(key))
		return false;
	memcpy(key, name, length);
	key[length] = '\0';
	if (strcmp(key, "app") == 0)
		snprintf(value, sizeof(value), "%s", expansion->app);
	else if (!expansion->attribute(expansion->context, key, value, sizeof(value)))
		return false;
	append(expansion, value, strlen(value));
	return value[0] != '\0';
}

/* A \ or { that begins nothing known stands for itself. */
static bool
expand(expansion *expansion, const char *template)
{
	while (*template != '\0')
	{
		const char *close = *template == '{' ? strchr(template, '}') : NULL;

		if (*template == '\\' && isdigit((unsigned char) template[1]))
		{
			append_group(expansion, template[1] - '0');
			template += 2;
		}
		else if (close != NULL)
		{
			if (!append_attribute(expansion, template + 1, (size_t) (close - template - 1)))
				return false;
			template = close + 1;
		}
		else
			append(expansion, template ++, 1);
	}
	expansion->to[expansion->used] = '\0';
	return expansion->used > 0;
}

static bool
rule_yields(const identity_rule *rule, identity_attribute attribute, void *context, const char *app,
			char *to, size_t size)
{
	char value[VALUE_SIZE];
	regmatch_t groups[RULE_GROUPS];
	expansion expansion = {.attribute = attribute,
						   .context = context,
						   .app = app,
						   .value = value,
						   .groups = groups,
						   .to = to,
						   .size = size};

	if (!attribute(context, rule->attribute, value, sizeof(value)))
		return false;
	/* before, since in most locales no expression matches what is malformed */
	utf8_make_printable(value);
	if (regexec(&rule->expression, value, RULE_GROUPS, groups, 0) != 0)
		return false;
	if (!expand(&expansion, rule->template))
		return false;
	/* and after: the name may have been cut, and other attributes put in */
	utf8_make_printable(to);
	return true;
}

static void
apply_target(const identity_rules *rules, rule_target target, identity_attribute attribute,
			 void *context, const char *app, char *to, size_t size)
{
	for (const identity_rule *rule = rules->first; rule != NULL; rule = rule->next)
		if (rule->target == target && rule_yields(rule, attribute, context, app, to, size))
			return;
	to[0] = '\0';
}

void
identity_rules_apply(const identity_rules *rules, identity_attribute attribute, void *context,
					 char *app, size_t app_size, char *cluster, size_t cluster_size)
{
	apply_target(rules, RULE_APP, attribute, context, "", app, app_size);
	apply_target(rules, RULE_CLUSTER, attribute, context, app, cluster, cluster_size);
}
