/*
 * memo_notes.c
 *		Which keys were asked for lately: some thousands of them, in sets of a few.
 */
#include "memo/memo_notes.h"

bool
memo_notes_ask(memo_notes *notes, memo_key key)
{
	uint64_t mixed = (key.high ^ key.low) * UINT64_C(0x9e3779b97f4a7c15);
	memo_note_set *set = &notes->sets[(mixed >> 32) % MEMO_NOTE_SETS];

	for (uint64_t i = 0; i < MEMO_NOTE_WAYS && i < set->noted; i++)
	{
		if (set->keys[i].high == key.high && set->keys[i].low == key.low)
			return true;
	}
	set->keys[set->noted % MEMO_NOTE_WAYS] = key;
	set->noted++;
	return false;
}
