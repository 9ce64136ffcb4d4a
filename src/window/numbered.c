/*
 * numbered.c
 *		Strings of bytes, each kept once and told by a number.
 */
#include "postgres.h"

#include "window/numbered.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

typedef struct known_string
{
	byte_string string;
	uint32 number;
	char status; /* of the hash table */
} known_string;

static inline uint32
hash_string(byte_string s)
{
	return hash_bytes(s.bytes, (int) s.length);
}

static inline bool
same_string(byte_string a, byte_string b)
{
	return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

#define SH_PREFIX               known_strings
#define SH_ELEMENT_TYPE         known_string
#define SH_KEY_TYPE             byte_string
#define SH_KEY                  string
#define SH_HASH_KEY(table, key) hash_string(key)
#define SH_EQUAL(table, a, b)   same_string(a, b)
#define SH_SCOPE                static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct numbered
{
	MemoryContext memory;
	known_strings_hash *known;
	byte_string *strings;
	uint32 room;
};

numbered *
numbered_create(void)
{
	numbered *all = palloc0(sizeof(*all));

	all->memory = CurrentMemoryContext;
	all->known = known_strings_create(all->memory, 64, NULL);
	all->room = 64;
	all->strings = palloc(all->room * sizeof(byte_string));
	return all;
}

static byte_string
copy_string(MemoryContext memory, byte_string from)
{
	void *bytes = MemoryContextAlloc(memory, Max(from.length, 1));

	memcpy(bytes, from.bytes, from.length);
	return (byte_string){bytes, from.length};
}

uint32
numbered_number(numbered *all, byte_string asked)
{
	bool found;
	known_string *known = known_strings_insert(all->known, asked, &found);

	if (found)
		return known->number;
	known->number = all->known->members - 1;
	known->string = copy_string(all->memory, asked);
	if (known->number == all->room)
	{
		all->room *= 2;
		all->strings = repalloc_huge(all->strings, all->room * sizeof(byte_string));
	}
	all->strings[known->number] = known->string;
	return known->number;
}

byte_string
numbered_string(const numbered *all, uint32 number)
{
	return all->strings[number];
}

uint32
numbered_count(const numbered *all)
{
	return all->known->members;
}
