/*
 * pack_front.c
 *		Windows under merge, in order: a skip list with a finger.
 *
 * Of each level the finger is the last window that is not after the one that was asked
 * for last.  A look-up climbs only as far as the next window of a level is not after
 * what it looks for, and comes down again; above that the finger is right as it is, since
 * a level holds what the one above it holds.
 *
 * Windows are cut from blocks.  One has n levels with a chance of 1 in 4^(n-1), by a
 * sequence of numbers that is always the same.
 */
#include "store/pack_front.h"

#include <string.h>

#define BLOCK_BYTES 65536

typedef struct front_block
{
	struct front_block *next;
	max_align_t bytes[];
} front_block;

static size_t
window_size(int levels)
{
	size_t size = sizeof(front_window) + (size_t) levels * sizeof(front_window *);

	return (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
}

static void *
allocate(pack_front *front, size_t size)
{
	return front->allocator.resize(front->allocator.context, NULL, size);
}

static void
release(pack_front *front, void *memory)
{
	front->allocator.resize(front->allocator.context, memory, 0);
}

static bool
add_block(pack_front *front)
{
	front_block *block = allocate(front, sizeof(*block) + BLOCK_BYTES);

	if (block == NULL)
		return false;
	block->next = front->blocks;
	front->blocks = block;
	front->block_left = BLOCK_BYTES;
	return true;
}

static front_window *
cut_window(pack_front *front, int levels)
{
	size_t size = window_size(levels);

	if (front->block_left < size && !add_block(front))
		return NULL;
	front->block_left -= size;
	return (front_window *) ((char *) front->blocks->bytes + front->block_left);
}

/* A window of so many levels, of which nothing is set. */
static front_window *
take_window(pack_front *front, int levels)
{
	front_window *window = front->dropped[levels - 1];

	if (window != NULL)
		front->dropped[levels - 1] = window->next[0];
	else
		window = cut_window(front, levels);
	return window;
}

static void
rewind_finger(pack_front *front)
{
	for (int level = 0; level < PACK_FRONT_LEVELS; level++)
		front->finger[level] = front->head;
}

bool
pack_front_begin(pack_front *front, sketch_allocator allocator)
{
	*front = (pack_front){.allocator = allocator, .random = 1};
	front->head = cut_window(front, PACK_FRONT_LEVELS);
	if (front->head == NULL)
		return false;
	memset(front->head, 0, window_size(PACK_FRONT_LEVELS));
	rewind_finger(front);
	return true;
}

static void
clear_window(pack_front *front, front_window *window)
{
	if (window->via != NULL)
		release(front, window->via);
	traffic_value_clear(&window->traffic);
}

void
pack_front_free(pack_front *front)
{
	front_block *next;

	if (front->head == NULL)
		return;
	for (front_window *window = pack_front_first(front); window != NULL; window = window->next[0])
		clear_window(front, window);
	for (front_block *block = front->blocks; block != NULL; block = next)
	{
		next = block->next;
		release(front, block);
	}
	front->head = NULL;
}

static int
compare_ways(int32_t a_count, const int64_t *a, int32_t b_count, const int64_t *b)
{
	/* none at all comes last */
	uint32_t a_rank = (uint32_t) a_count;
	uint32_t b_rank = (uint32_t) b_count;

	for (int32_t i = 0; i < a_count && i < b_count; i++)
	{
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	}
	return (a_rank > b_rank) - (a_rank < b_rank);
}

int
pack_window_compare(const pack_window *a, const pack_window *b)
{
	if (a->src != b->src)
		return a->src < b->src ? -1 : 1;
	if (a->dst != b->dst)
		return a->dst < b->dst ? -1 : 1;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->has_endpoint != b->has_endpoint)
		return a->has_endpoint ? -1 : 1;
	return (a->endpoint > b->endpoint) - (a->endpoint < b->endpoint);
}

/* How one of the list, or NULL for its end, compares to a window. */
static inline int
compare(const front_window *listed, const pack_window *window, const int64_t *via)
{
	int order = listed == NULL ? 1 : pack_window_compare(&listed->window, window);

	return order != 0 ? order
					  : compare_ways(listed->window.via_count, listed->via, window->via_count, via);
}

static front_window *
stand_on(pack_front *front, front_window *window)
{
	for (int level = 0; level < window->levels; level++)
		front->finger[level] = window;
	return window;
}

/* Move the finger up to a window that lies ahead; the one like it, or NULL. */
static front_window *
move_finger(pack_front *front, const pack_window *window, const int64_t *via)
{
	front_window *found = NULL;
	front_window *at;
	int level = 1;

	while (level < PACK_FRONT_LEVELS &&
		   compare(front->finger[level]->next[level], window, via) <= 0)
		level++;
	at = front->finger[level - 1];
	while (level-- > 0)
	{
		int order;

		while ((order = compare(at->next[level], window, via)) <= 0)
		{
			at = at->next[level];
			if (order == 0)
				found = at;
		}
		front->finger[level] = at;
	}
	return found;
}

static front_window *
find_window(pack_front *front, const pack_window *window, const int64_t *via)
{
	front_window *here = front->finger[0];
	int order = here == front->head ? -1 : compare(here, window, via);

	if (order == 0)
		return here;
	if (order > 0)
	{
		rewind_finger(front);
		here = front->head;
	}
	order = compare(here->next[0], window, via);
	if (order == 0)
		return stand_on(front, here->next[0]);
	return order > 0 ? NULL : move_finger(front, window, via);
}

static int
choose_levels(pack_front *front)
{
	int levels;

	front->random ^= front->random << 13;
	front->random ^= front->random >> 7;
	front->random ^= front->random << 17;
	levels = 1 + __builtin_ctzll(front->random | UINT64_C(1) << 62) / 2;
	return levels < PACK_FRONT_LEVELS ? levels : PACK_FRONT_LEVELS;
}

static size_t
window_memory(const front_window *window)
{
	size_t ways = window->via == NULL ? 0 : (size_t) window->window.via_count * sizeof(int64_t);

	return window_size(window->levels) + ways +
		   window->traffic.latency.capacity * sizeof(sketch_bucket);
}

static bool
copy_way(pack_front *front, front_window *window, const int64_t *via)
{
	size_t size = (size_t) window->window.via_count * sizeof(*via);

	window->via = NULL;
	if (window->window.via_count <= 0)
		return true;
	window->via = allocate(front, size);
	if (window->via == NULL)
		return false;
	memcpy(window->via, via, size);
	return true;
}

/* Make a window behind the finger. */
static front_window *
make_window(pack_front *front, const pack_window *window, const int64_t *via)
{
	int levels = choose_levels(front);
	front_window *made = take_window(front, levels);

	if (made == NULL)
		return NULL;
	made->window = *window;
	made->levels = levels;
	traffic_value_init_with(&made->traffic, front->allocator);
	if (!copy_way(front, made, via))
	{
		made->next[0] = front->dropped[levels - 1];
		front->dropped[levels - 1] = made;
		return NULL;
	}
	for (int level = 0; level < levels; level++)
	{
		made->next[level] = front->finger[level]->next[level];
		front->finger[level]->next[level] = made;
	}
	front->memory += window_memory(made);
	return stand_on(front, made);
}

front_window *
pack_front_window(pack_front *front, const pack_window *window, const int64_t *via)
{
	front_window *found = find_window(front, window, via);

	return found != NULL ? found : make_window(front, window, via);
}

void
pack_front_drop_first(pack_front *front)
{
	front_window *first = pack_front_first(front);

	if (front->finger[0] != front->head)
		rewind_finger(front);
	for (int level = 0; level < first->levels; level++)
		front->head->next[level] = first->next[level];
	front->memory -= window_memory(first);
	clear_window(front, first);
	first->next[0] = front->dropped[first->levels - 1];
	front->dropped[first->levels - 1] = first;
}
