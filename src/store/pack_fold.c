/*
 * pack_fold.c
 *		Windows of many packs, merged into as few as possible, as packs.
 */
#include "store/pack_fold.h"

#include <string.h>

#include "store/pack_bits.h"

/* Ways that were read of a pack, by shape; the last is of those without a number. */
typedef struct read_way
{
	int64_t *nodes;
	int32_t room;
	bool is_read;
} read_way;

struct pack_fold
{
	sketch_allocator allocator;
	pack_front front;
	pack_chunks chunks;
	sketch scratch;
	int64_t passed; /* no sources before it come any more */
	read_way ways[PACK_SHAPES + 1];
	pack_reader reader;
};

static const pack_problem no_problem = {"pack", NULL};
static const pack_problem no_memory = {"pack", "does not fit into memory"};
static const pack_problem out_of_order = {"pack", "holds windows that are out of order"};

pack_fold *
pack_fold_make(int64_t begin, int64_t length, sketch_allocator allocator, pack_sink sink,
			   void *context)
{
	pack_fold *fold = allocator.resize(allocator.context, NULL, sizeof(*fold));

	if (fold == NULL)
		return NULL;
	memset(fold, 0, sizeof(*fold));
	fold->allocator = allocator;
	fold->passed = INT64_MIN;
	sketch_init(&fold->scratch, allocator);
	if (pack_front_begin(&fold->front, allocator) &&
		pack_chunks_begin(&fold->chunks, begin, length, allocator, sink, context))
		return fold;
	pack_fold_free(fold);
	return NULL;
}

void
pack_fold_free(pack_fold *fold)
{
	sketch_allocator allocator = fold->allocator;

	pack_front_free(&fold->front);
	pack_chunks_free(&fold->chunks);
	sketch_clear(&fold->scratch);
	for (int i = 0; i <= PACK_SHAPES; i++)
	{
		if (fold->ways[i].nodes != NULL)
			allocator.resize(allocator.context, fold->ways[i].nodes, 0);
	}
	allocator.resize(allocator.context, fold, 0);
}

static bool
reserve_way(pack_fold *fold, read_way *way, int32_t count)
{
	int64_t *grown;

	if (count <= way->room)
		return true;
	grown = fold->allocator.resize(fold->allocator.context, way->nodes,
								   (size_t) count * sizeof(int64_t));
	if (grown == NULL)
		return false;
	way->nodes = grown;
	way->room = count;
	return true;
}

/* The nodes of the way of the window that was read; NULL: no memory. */
static const int64_t *
read_via(pack_fold *fold)
{
	int shape = fold->reader.shape_number;
	read_way *way = &fold->ways[shape == PACK_NO_SHAPE ? PACK_SHAPES : shape];

	if (way->is_read)
		return way->nodes;
	if (!reserve_way(fold, way, fold->reader.window.via_count))
		return NULL;
	pack_read_via(&fold->reader, way->nodes);
	way->is_read = shape != PACK_NO_SHAPE;
	return way->nodes;
}

static void
merge_window(front_window *into, const pack_window *from)
{
	pack_window *window = &into->window;

	if (from->first_seen < window->first_seen)
		window->first_seen = from->first_seen;
	if (from->last_seen > window->last_seen)
		window->last_seen = from->last_seen;
	if (from->confidence > window->confidence)
		window->confidence = from->confidence;
	if (from->app_confidence > window->app_confidence)
		window->app_confidence = from->app_confidence;
}

/* NULL, or what is wrong with the buckets. */
static const char *
merge_buckets(pack_fold *fold, sketch *latency)
{
	const pack_reader *reader = &fold->reader;
	size_t capacity = latency->capacity;
	bool first = latency->bucket_count == 0;
	sketch *into = first ? latency : &fold->scratch;
	const char *problem;

	if (!first)
		into->bucket_count = 0;
	problem = traffic_value_decode_buckets(reader->buckets, reader->buckets_length, into);
	if (problem == NULL && !first && !sketch_merge(latency, into))
		problem = no_memory.problem;
	fold->front.memory += (latency->capacity - capacity) * sizeof(sketch_bucket);
	return problem;
}

/* NULL, or what is wrong with the traffic. */
static const char *
merge_packed_traffic(pack_fold *fold, traffic_value *into)
{
	const pack_reader *reader = &fold->reader;

	for (uint32_t rest = reader->shape->bits & PACK_COUNTERS; rest != 0; rest &= rest - 1)
	{
		int i = __builtin_ctz(rest);

		into->counters[i] = saturated_sum(into->counters[i], reader->counters[i]);
	}
	into->latency.zero = saturated_sum(into->latency.zero, reader->zero);
	return reader->buckets_length == 0 ? NULL : merge_buckets(fold, &into->latency);
}

/* Add the window that was read. */
static pack_problem
add_packed(pack_fold *fold)
{
	const pack_window *window = &fold->reader.window;
	const int64_t *via = NULL;
	front_window *into;

	if (window->src < fold->passed)
		return out_of_order;
	if (window->via_count > 0)
	{
		via = read_via(fold);
		if (via == NULL)
			return no_memory;
	}
	into = pack_front_window(&fold->front, window, via);
	if (into == NULL)
		return no_memory;
	merge_window(into, window);
	return (pack_problem){"traffic of a window in the pack",
						  merge_packed_traffic(fold, &into->traffic)};
}

pack_problem
pack_fold_add_pack(pack_fold *fold, const uint8_t *data, size_t length)
{
	for (int i = 0; i < PACK_SHAPES; i++)
		fold->ways[i].is_read = false;
	pack_reader_open(&fold->reader, data, length);
	while (pack_reader_next(&fold->reader))
	{
		pack_problem problem = add_packed(fold);

		if (problem.problem != NULL)
			return problem;
	}
	return (pack_problem){"pack", fold->reader.problem};
}

pack_problem
pack_fold_add_window(pack_fold *fold, const pack_window *window, const int64_t *via,
					 const traffic_value *traffic)
{
	front_window *into;
	size_t capacity;

	if (window->src < fold->passed)
		return out_of_order;
	into = pack_front_window(&fold->front, window, via);
	if (into == NULL)
		return no_memory;
	merge_window(into, window);
	capacity = into->traffic.latency.capacity;
	if (!traffic_value_merge(&into->traffic, traffic))
		return no_memory;
	fold->front.memory += (into->traffic.latency.capacity - capacity) * sizeof(sketch_bucket);
	return no_problem;
}

static bool
pack_first(pack_fold *fold, const front_window *first)
{
	if (!pack_chunks_add(&fold->chunks, &first->window, first->via, &first->traffic))
		return false;
	pack_front_drop_first(&fold->front);
	return true;
}

bool
pack_fold_pass(pack_fold *fold, const pack_window *window)
{
	const front_window *first;

	if (window->src > fold->passed)
		fold->passed = window->src;
	while ((first = pack_front_first(&fold->front)) != NULL &&
		   pack_window_compare(&first->window, window) < 0)
	{
		if (!pack_first(fold, first))
			return false;
	}
	return true;
}

bool
pack_fold_pass_source(pack_fold *fold, int64_t src)
{
	pack_window least = {.src = src,
						 .dst = INT64_MIN,
						 .type = INT32_MIN,
						 .has_endpoint = true,
						 .endpoint = INT64_MIN};

	return pack_fold_pass(fold, &least);
}

bool
pack_fold_finish(pack_fold *fold)
{
	const front_window *first;

	while ((first = pack_front_first(&fold->front)) != NULL)
	{
		if (!pack_first(fold, first))
			return false;
	}
	return pack_chunks_finish(&fold->chunks);
}

size_t
pack_fold_memory(const pack_fold *fold)
{
	return pack_front_memory(&fold->front);
}

void
pack_fold_take_out(pack_fold *fold, front_visit visit, void *context)
{
	const front_window *first;

	while ((first = pack_front_first(&fold->front)) != NULL)
	{
		visit(context, first);
		pack_front_drop_first(&fold->front);
	}
}
