/*
 * text_file.c
 *		A small file of text, whole.
 */
#include "agent/text_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/command.h"

#define MOST ((size_t) 1024 * 1024)

static bool
read_whole(FILE *file, const char *path, char *text)
{
	size_t length = fread(text, 1, MOST + 1, file);

	if (ferror(file))
		agent_fail(AGENT_USAGE, "could not read \"%s\": %s", path, strerror(errno));
	else if (length > MOST)
		agent_fail(AGENT_USAGE, "\"%s\" is larger than a megabyte", path);
	else if (memchr(text, '\0', length) != NULL)
		agent_fail(AGENT_USAGE, "\"%s\" is no text: it has a NUL byte", path);
	else
	{
		text[length] = '\0';
		return true;
	}
	return false;
}

char *
text_file_read(const char *path, mode_t *mode)
{
	FILE *file = fopen(path, "re");
	struct stat status;
	char *text = NULL;
	bool whole = false;

	if (file == NULL || fstat(fileno(file), &status) != 0)
		agent_fail(AGENT_USAGE, "could not open \"%s\": %s", path, strerror(errno));
	else if ((text = malloc(MOST + 2)) == NULL)
		agent_fail(AGENT_FAILED, "out of memory");
	else
		whole = read_whole(file, path, text);
	if (whole && mode != NULL)
		*mode = status.st_mode;
	if (file != NULL)
		fclose(file);
	if (whole)
		return text;
	free(text);
	return NULL;
}
