/*
 * settings.c
 *		Settings of librdkafka, from the command line and from a file.
 *
 * Owns a copy of each, which is wiped when it is freed.
 */
#include "agent/settings.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/command.h"
#include "agent/text_file.h"

#define WHERE_SIZE 512
#define BLANKS     " \t"

static bool
refuse(const char *where, const char *expected)
{
	agent_fail(AGENT_USAGE, "%s: expected %s", where, expected);
	return false;
}

/* Blanks around a name are not part of it; a value is taken as it stands. */
bool
settings_add(settings *settings, const char *where, const char *pair)
{
	const char *name = pair + strspn(pair, BLANKS);
	const char *equals = strchr(name, '=');
	size_t length = equals != NULL ? (size_t) (equals - name) : 0;
	char *text;

	while (length > 0 && strchr(BLANKS, name[length - 1]) != NULL)
		length--;
	if (length == 0)
		return refuse(where, "NAME=VALUE");
	if (settings->count == SETTINGS_MAX)
		return refuse(where, "fewer settings");
	text = strdup(name);
	if (text == NULL)
	{
		agent_fail(AGENT_FAILED, "out of memory");
		return false;
	}
	text[length] = '\0';
	settings->texts[settings->count] = text;
	settings->list[settings->count] = (stream_setting){text, text + (equals - name) + 1};
	settings->count++;
	return true;
}

static bool
add_line(settings *settings, const char *path, int number, char *line)
{
	char where[WHERE_SIZE];
	size_t length = strlen(line);

	if (length > 0 && line[length - 1] == '\r')
		line[length - 1] = '\0';
	line += strspn(line, BLANKS);
	if (line[0] == '\0' || line[0] == '#')
		return true;
	snprintf(where, sizeof(where), "%s:%d", path, number);
	return settings_add(settings, where, line);
}

static bool
add_lines(settings *settings, const char *path, char *text)
{
	char *line;

	for (int number = 1; (line = strsep(&text, "\n")) != NULL; number++)
		if (!add_line(settings, path, number, line))
			return false;
	return true;
}

/* Of the settings from first on. */
static bool
has_secret(const settings *settings, size_t first)
{
	for (size_t i = first; i < settings->count; i++)
		if (stream_setting_is_secret(settings->list[i].name))
			return true;
	return false;
}

bool
settings_read(settings *settings, const char *path)
{
	size_t first = settings->count;
	mode_t mode = 0;
	char *text = text_file_read(path, &mode);
	size_t length;
	bool added;

	if (text == NULL)
		return false;
	length = strlen(text);
	added = add_lines(settings, path, text);
	explicit_bzero(text, length);
	free(text);
	if (added && (mode & S_IROTH) != 0 && has_secret(settings, first))
	{
		agent_fail(AGENT_USAGE, "\"%s\" holds a secret, and anybody may read it: chmod o-r", path);
		return false;
	}
	return added;
}

void
settings_free(settings *settings)
{
	for (size_t i = 0; i < settings->count; i++)
	{
		const char *value = settings->list[i].value;

		explicit_bzero((void *) (uintptr_t) value, strlen(value));
		free(settings->texts[i]);
	}
	settings->count = 0;
}
