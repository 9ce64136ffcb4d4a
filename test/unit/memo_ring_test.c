/*
 * memo_ring_test.c
 *		Memos in a ring: it holds just what a plain list would that makes room in the same
 *		way, byte for byte, whatever the sizes; what is in use is spared.
 */
#include "unit.h"

#include "memo/memo_notes.h"
#include "memo/memo_ring.h"

#define KEYS    300
#define OPEN    4
#define HEADER  32
#define SURVIVE 50000

/* xorshift64: the same numbers in every run. */
static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Some keys differ in one half only; one is all zeroes. */
static memo_key
key_of(uint32_t number)
{
	return (memo_key){.high = number % 3, .low = number / 3};
}

/* What is put under a key, another time other bytes: so that a stale memo would show. */
static void
fill_bytes(uint8_t *bytes, size_t length, uint32_t key, uint32_t version)
{
	uint64_t state = ((uint64_t) key << 32 | version) + 1;

	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t) next_random(&state);
}

/* A memo as the list has it, from oldest to newest. */
typedef struct model_memo
{
	uint32_t key;
	uint32_t version;
	size_t length;
	bool ready;
	bool read;
	bool gone;
	uint64_t place;
} model_memo;

typedef struct model
{
	size_t room;  /* of the log */
	size_t slots; /* memos that the index takes */
	size_t taken;
	int count;
	model_memo memos[4 * KEYS];
	memo_figures figures;
} model;

static size_t
size_of(size_t length)
{
	return HEADER + (length + HEADER - 1) / HEADER * HEADER;
}

static model_memo *
model_find(model *m, uint32_t key)
{
	for (int i = 0; i < m->count; i++)
	{
		if (m->memos[i].key == key && !m->memos[i].gone)
			return &m->memos[i];
	}
	return NULL;
}

static int
model_indexed(const model *m)
{
	int indexed = 0;

	for (int i = 0; i < m->count; i++)
		indexed += !m->memos[i].gone;
	return indexed;
}

static model_memo
model_shift(model *m)
{
	model_memo first = m->memos[0];

	m->count--;
	memmove(m->memos, m->memos + 1, m->count * sizeof(model_memo));
	m->taken -= size_of(first.length);
	return first;
}

static void
model_push(model *m, model_memo memo)
{
	m->memos[m->count++] = memo;
	m->taken += size_of(memo.length);
}

static bool
model_make_room(model *m, size_t size)
{
	size_t spared = 0;
	int renewals = 0;

	while (m->taken + size > m->room || model_indexed(m) >= (int) m->slots)
	{
		model_memo first = m->memos[0];

		if (!first.ready && !first.gone)
			return false;
		(void) model_shift(m);
		if (!first.gone && first.read && renewals < MEMO_RENEWALS &&
			spared + size_of(first.length) <= m->room / 4)
		{
			spared += size_of(first.length);
			renewals++;
			first.read = false;
			model_push(m, first);
			m->figures.renewed++;
		}
		else if (!first.gone)
		{
			m->figures.evicted++;
			m->figures.memos--;
		}
	}
	return true;
}

static memo_place
model_reserve(model *m, uint32_t key, uint32_t version, size_t length)
{
	if (model_find(m, key) != NULL)
		return MEMO_KNOWN;
	if (length > m->room || size_of(length) > m->room / 4)
	{
		m->figures.too_large++;
		return MEMO_TOO_LARGE;
	}
	if (!model_make_room(m, size_of(length)))
	{
		m->figures.crowded++;
		return MEMO_CROWDED;
	}
	model_push(m, (model_memo){.key = key, .version = version, .length = length});
	return MEMO_RESERVED;
}

static void
model_forget(model *m)
{
	for (int i = 0; i < m->count; i++)
		m->memos[i].gone |= m->memos[i].ready;
	m->figures.memos = 0;
	while (m->count > 0 && m->memos[0].gone)
		(void) model_shift(m);
}

/* A ring in memory of just its size, and the list. */
typedef struct pair
{
	void *memory;
	memo_ring *ring;
	model model;
	uint32_t open[OPEN]; /* keys plus one of memos that are reserved */
	uint32_t version;
	uint8_t *bytes;
	uint8_t *others;
} pair;

static void
begin(pair *p, size_t size)
{
	size_t slots = 8;
	size_t before;

	p->memory = aligned_alloc(64, (size + 63) / 64 * 64);
	memset(p->memory, 0x5a, size);
	p->ring = memo_ring_make(p->memory, size);
	assert_non_null(p->ring);
	while (slots * 512 <= size)
		slots *= 2;
	before = (size_t) ((memo_ring_figures(p->ring).bytes)) + 128 + slots * 8;
	memset(&p->model, 0, sizeof(model));
	p->model.room = (size - before) / HEADER * HEADER;
	p->model.slots = (slots - 1) / 4 * 3 + 1;
	memset(p->open, 0, sizeof(p->open));
	p->version = 0;
	p->bytes = malloc(2 * size);
	p->others = malloc(2 * size);
}

static void
end(pair *p)
{
	free(p->memory);
	free(p->bytes);
	free(p->others);
}

static void
check_get(pair *p, uint32_t key)
{
	model_memo *memo = model_find(&p->model, key);
	size_t length;
	bool there = memo != NULL && memo->ready;

	assert_int_equal(memo_ring_find(p->ring, key_of(key), &length), there);
	if (!there)
	{
		assert_false(memo_ring_read(p->ring, key_of(key), p->bytes, 0));
		return;
	}
	assert_int_equal(length, memo->length);
	assert_false(memo_ring_read(p->ring, key_of(key), p->bytes, length + 1));
	assert_true(memo_ring_read(p->ring, key_of(key), p->bytes, length));
	fill_bytes(p->others, length, key, memo->version);
	assert_memory_equal(p->bytes, p->others, length);
	memo->read = true;
}

/* In two parts, as a list would come. */
static void
fill_place(pair *p, const model_memo *memo, uint64_t *state)
{
	size_t first = memo->length == 0 ? 0 : next_random(state) % (memo->length + 1);

	fill_bytes(p->bytes, memo->length, memo->key, memo->version);
	memo_ring_fill(p->ring, memo->place, 0, p->bytes, first);
	memo_ring_fill(p->ring, memo->place, first, p->bytes + first, memo->length - first);
}

static void
check_reserve(pair *p, uint32_t *open, uint32_t key, size_t length)
{
	uint64_t place;
	memo_place found = memo_ring_reserve(p->ring, key_of(key), length, &place);

	assert_int_equal(found, model_reserve(&p->model, key, ++p->version, length));
	if (found == MEMO_RESERVED)
	{
		model_find(&p->model, key)->place = place;
		*open = key + 1;
	}
}

static void
finish_put(pair *p, uint32_t *open, uint64_t *state)
{
	model_memo *memo = model_find(&p->model, *open - 1);

	fill_place(p, memo, state);
	memo_ring_publish(p->ring, memo->place);
	memo->ready = true;
	p->model.figures.memos++;
	p->model.figures.kept++;
	*open = 0;
}

static void
check_figures(pair *p)
{
	memo_figures figures = memo_ring_figures(p->ring);
	memo_figures expected = p->model.figures;

	expected.bytes = p->model.taken;
	assert_memory_equal(&figures, &expected, sizeof(figures));
}

/* Mostly small; nothing, just what is allowed, and more than there is at all, too. */
static size_t
any_length(const pair *p, uint64_t *state)
{
	switch (next_random(state) % 20)
	{
		case 0:
			return 0;
		case 1:
			return p->model.room / 4 - HEADER - next_random(state) % 2;
		case 2:
			return p->model.room / 4 - HEADER + next_random(state) % 65;
		case 3:
			return next_random(state) % 8 == 0 ? SIZE_MAX - next_random(state) % 65 : p->model.room;
		default:
			return next_random(state) % (p->model.room / (next_random(state) % 2 ? 8 : 40));
	}
}

/* Some keys are asked for far more often than others. */
static uint32_t
any_key(uint64_t *state)
{
	return (uint32_t) (next_random(state) % (next_random(state) % 2 ? 12 : KEYS));
}

static void
do_something(pair *p, uint64_t *state)
{
	int turn = (int) (next_random(state) % (OPEN * 16));
	uint32_t *open = &p->open[turn < OPEN ? turn : 0];
	uint64_t what = next_random(state) % 1000;

	if (what < 500)
		check_get(p, any_key(state));
	else if (what == 500)
	{
		assert_int_equal(memo_ring_forget(p->ring), p->model.figures.memos);
		model_forget(&p->model);
	}
	else if (*open != 0)
		finish_put(p, open, state);
	else
		check_reserve(p, open, any_key(state), any_length(p, state));
	/* most are published at once, some only when their turn comes again */
	if (p->open[0] != 0)
		finish_put(p, &p->open[0], state);
}

static void
holds_what_a_list_would(void **unused)
{
	static const size_t sizes[] = {448, 512, 1000, 4096, 5000, 20000};
	uint64_t state = 11;

	for (size_t i = 0; i < LENGTH_OF(sizes); i++)
	{
		pair p;

		begin(&p, sizes[i]);
		for (int step = 0; step < 180000; step++)
		{
			do_something(&p, &state);
			if (step % 64 == 0)
				check_figures(&p);
		}
		assert_true(p.model.figures.evicted > 1000);
		assert_true(p.model.figures.renewed > 1000 || sizes[i] < 1000);
		assert_true(p.model.figures.too_large > 1000);
		assert_true(p.model.figures.crowded > 0);
		end(&p);
	}
}

static void
needs_some_room(void **unused)
{
	uint8_t *memory = aligned_alloc(64, 1024);
	size_t least = 1;

	while (least < 1024 && memo_ring_make(memory, least) == NULL)
		least++;
	assert_in_range(least, 256, 512);
	free(memory);
}

static void
put(memo_ring *ring, memo_key key, size_t length)
{
	uint8_t bytes[512] = {0};
	uint64_t place;

	if (memo_ring_reserve(ring, key, length, &place) != MEMO_RESERVED)
		return;
	memo_ring_fill(ring, place, 0, bytes, length);
	memo_ring_publish(ring, place);
}

/* What is read once for every half of the ring that goes by stays for ever. */
static void
spares_what_is_in_use(void **unused)
{
	size_t size = 64 * 1024;
	void *memory = aligned_alloc(64, size);
	memo_ring *ring = memo_ring_make(memory, size);
	uint8_t bytes[512];

	for (uint64_t i = 0; i < 20; i++)
		put(ring, (memo_key){1, i}, 200);
	for (uint64_t i = 0; i < SURVIVE; i++)
	{
		put(ring, (memo_key){2, i}, i % 400);
		for (uint64_t used = 0; i % 50 == 0 && used < 20; used++)
			assert_true(memo_ring_read(ring, (memo_key){1, used}, bytes, 200));
	}
	assert_true(memo_ring_figures(ring).renewed > 100);
	for (uint64_t i = 0; i < 400; i++)
		put(ring, (memo_key){3, i}, 400);
	assert_false(memo_ring_read(ring, (memo_key){1, 0}, bytes, 200));
	free(memory);
}

static void
notes_keys_until_others_come(void **unused)
{
	memo_notes *notes = calloc(1, sizeof(memo_notes));
	int forgotten = 0;

	for (uint64_t i = 0; i < 1000; i++)
		assert_false(memo_notes_ask(notes, (memo_key){i, 1}));
	for (uint64_t i = 0; i < 1000; i++)
		forgotten += !memo_notes_ask(notes, (memo_key){i, 1});
	assert_in_range(forgotten, 0, 10);
	for (uint64_t i = 0; i < 100000; i++)
		(void) memo_notes_ask(notes, (memo_key){1, i << 32});
	assert_false(memo_notes_ask(notes, (memo_key){5, 1}));
	assert_true(memo_notes_ask(notes, (memo_key){5, 1}));
	free(notes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_what_a_list_would),
		cmocka_unit_test(needs_some_room),
		cmocka_unit_test(spares_what_is_in_use),
		cmocka_unit_test(notes_keys_until_others_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
