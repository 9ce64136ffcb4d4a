/*
 * cgroup_name.c
 *		What the name of a control group says of the process in it.
 */
#include "capture/cgroup_name.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define CONTAINER_DIGITS 64
#define POD_UID_LENGTH   36

static bool
has_prefix(const char *part, size_t length, const char *prefix)
{
	size_t wanted = strlen(prefix);

	return length >= wanted && memcmp(part, prefix, wanted) == 0;
}

static bool
has_suffix(const char *part, size_t length, const char *suffix)
{
	size_t wanted = strlen(suffix);

	return length > wanted && memcmp(part + length - wanted, suffix, wanted) == 0;
}

static bool
all_hex(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isxdigit((unsigned char) text[i]))
			return false;
	return true;
}

/*
 * "<id>" or "<runtime>-<id>.scope".  A conmon or other helper of the runtime
 * ("crio-conmon-<id>.scope") is no container.
 */
static bool
take_container(cgroup_identity *identity, const char *part, size_t length)
{
	const char *digits = part;

	if (has_suffix(part, length, ".scope"))
		length -= strlen(".scope");
	if (length < CONTAINER_DIGITS || strstr(part, "conmon") != NULL)
		return false;
	digits = part + length - CONTAINER_DIGITS;
	if (digits != part && digits[-1] != '-')
		return false;
	if (!all_hex(digits, CONTAINER_DIGITS))
		return false;
	memcpy(identity->container_id, digits, CONTAINER_DIGITS);
	identity->container_id[CONTAINER_DIGITS] = '\0';
	return true;
}

static bool
is_pod_uid(const char *text)
{
	for (size_t i = 0; i < POD_UID_LENGTH; i++)
	{
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? (text[i] != '-' && text[i] != '_') : !isxdigit((unsigned char) text[i]))
			return false;
	}
	return true;
}

/* "pod<uid>" or "kubepods[-class]-pod<uid>.slice", the latter with '_' for '-'. */
static bool
take_pod(cgroup_identity *identity, const char *part, size_t length)
{
	const char *uid;

	if (has_suffix(part, length, ".slice"))
		length -= strlen(".slice");
	if (length < POD_UID_LENGTH + 3)
		return false;
	uid = part + length - POD_UID_LENGTH;
	if (memcmp(uid - 3, "pod", 3) != 0 || !is_pod_uid(uid))
		return false;
	for (size_t i = 0; i < POD_UID_LENGTH; i++)
		identity->pod_uid[i] = uid[i] == '_' ? '-' : uid[i];
	identity->pod_uid[POD_UID_LENGTH] = '\0';
	return true;
}

static void
take_unit(cgroup_identity *identity, const char *part, size_t length)
{
	if (!has_suffix(part, length, ".service") && !has_suffix(part, length, ".scope"))
		return;
	if (length >= sizeof(identity->unit) || has_prefix(part, length, "crio-conmon-") ||
		has_prefix(part, length, "libpod-conmon-"))
		return;
	memcpy(identity->unit, part, length);
	identity->unit[length] = '\0';
}

void
cgroup_take_part(cgroup_identity *identity, const char *part, size_t length)
{
	char name[256];

	if (length == 0 || length >= sizeof(name))
		return;
	memcpy(name, part, length);
	name[length] = '\0';
	if (!take_container(identity, name, length) && !take_pod(identity, name, length))
		take_unit(identity, name, length);
}

void
cgroup_take_path(cgroup_identity *identity, const char *path)
{
	while (*path != '\0')
	{
		size_t length = strcspn(path, "/");

		cgroup_take_part(identity, path, length);
		path += length;
		path += strspn(path, "/");
	}
}
