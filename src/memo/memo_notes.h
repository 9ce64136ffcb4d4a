/*
 * memo_notes.h
 *		Which keys were asked for lately: some thousands of them, in sets of a few.
 *
 * A key goes to the set that its bits choose, and replaces the oldest there.  Nothing
 * here knows PostgreSQL; the caller sees to it that only one notes at a time.
 */
#ifndef TOPOLOGY_MEMO_MEMO_NOTES_H
#define TOPOLOGY_MEMO_MEMO_NOTES_H

#include "memo/memo_ring.h"

#define MEMO_NOTE_SETS 512
#define MEMO_NOTE_WAYS 8

typedef struct memo_note_set
{
	memo_key keys[MEMO_NOTE_WAYS];
	uint64_t noted; /* so many keys have been put here, in turn */
} memo_note_set;

/* Zeroes are empty notes. */
typedef struct memo_notes
{
	memo_note_set sets[MEMO_NOTE_SETS];
} memo_notes;

/* Whether a key is noted; it is, from then on. */
extern bool memo_notes_ask(memo_notes *notes, memo_key key);

#endif /* TOPOLOGY_MEMO_MEMO_NOTES_H */
