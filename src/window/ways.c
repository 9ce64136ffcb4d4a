/*
 * ways.c
 *		The ways that edges go, each kept once and told by a number.
 */
#include "postgres.h"

#include "window/ways.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "window/numbered.h"

struct ways
{
	numbered *nodes;
};

ways *
ways_create(void)
{
	ways *all = palloc(sizeof(*all));

	all->nodes = numbered_create();
	return all;
}

uint32
ways_number(ways *all, const int64 *nodes, int32 count)
{
	return numbered_number(all->nodes, (byte_string){nodes, count * sizeof(int64)});
}

static Datum
way_text(byte_string way)
{
	const int64 *nodes = way.bytes;
	StringInfoData text;

	initStringInfo(&text);
	for (uint32 i = 0; i < way.length / sizeof(int64); i++)
		appendStringInfo(&text, i == 0 ? INT64_FORMAT : " " INT64_FORMAT, nodes[i]);
	return CStringGetTextDatum(text.data);
}

Datum
ways_texts(const ways *all, const uint32 *numbers, uint32 count)
{
	Datum *texts = palloc(Max(count, 1) * sizeof(Datum));

	for (uint32 i = 0; i < count; i++)
		texts[i] = way_text(numbered_string(all->nodes, numbers[i]));
	return PointerGetDatum(construct_array(texts, (int) count, TEXTOID, -1, false, TYPALIGN_INT));
}
