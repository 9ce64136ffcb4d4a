/*
 * identity_rules.h
 *		Which of the things known of a process name its app and its cluster.
 *
 * A rule is a line of four parts:
 *
 *		target attribute expression template
 *		app    otel.service.name ^(.+)$ \1
 *
 * target is "app" or "cluster"; expression a POSIX extended regular
 * expression without white space; template, the rest of the line, what the
 * name becomes when the attribute is present and the expression matches it:
 * \0 to \9 stand for the match and its groups, {app} for the app already
 * found, {attribute} for any attribute.  For each target the first rule wins
 * whose template yields a text in which no {...} was absent.  Blank lines and
 * those beginning with # are skipped.
 *
 * Attributes: otel.<resource attribute> (otel.service.name), container.id,
 * pod.uid, unit, process, netns, host.
 */
#ifndef TOPOLOGY_IDENTITY_RULES_H
#define TOPOLOGY_IDENTITY_RULES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct identity_rules identity_rules;

/* Where the text is wrong: the line counts from 1, 0 says that memory ran out. */
typedef struct identity_rules_error
{
	int line;
	char message[200];
} identity_rules_error;

/*
 * Gives the value of an attribute, NUL-terminated and cut off at size.  False:
 * the process has none.
 */
typedef bool (*identity_attribute)(void *context, const char *name, char *value, size_t size);

/* The rules to begin with. */
extern const char *identity_rules_default(void);

/* Owned by the caller.  NULL: error says why. */
extern identity_rules *identity_rules_parse(const char *text, identity_rules_error *error);
extern void identity_rules_free(identity_rules *rules);

/*
 * The app and the cluster, "" where no rule gave one; cut off at the sizes.
 * Whatever the attributes hold, names are valid UTF-8 without control
 * characters: a question mark stands for each byte that is not.
 */
extern void identity_rules_apply(const identity_rules *rules, identity_attribute attribute,
								 void *context, char *app, size_t app_size, char *cluster,
								 size_t cluster_size);

#endif /* TOPOLOGY_IDENTITY_RULES_H */
