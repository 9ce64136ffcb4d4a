/*
 * csr_test.c
 *		Compressed sparse rows: each link is in the rows of both its ends, in order, with
 *		its type, whatever the number of types; what is damaged is told apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "traverse/csr.h"

#define NODES 200
#define EDGES 3000

/* xorshift64: the same numbers in every run. */
static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Edges whose ends and types are of so many; some are there several times. */
static csr_edge *
make_edges(uint32_t count, uint32_t nodes, uint32_t types, uint64_t seed)
{
	csr_edge *edges = calloc(count + 1, sizeof(csr_edge));

	for (uint32_t i = 0; i < count; i++)
		edges[i] = (csr_edge){.source = next_random(&seed) % nodes,
							  .target = next_random(&seed) % nodes,
							  .type = next_random(&seed) % types};
	return edges;
}

static csr_header *
make_csr_of(csr_shape *shape, const int64_t *ids, const csr_edge *apps, const csr_edge *clusters)
{
	void *memory;
	csr_header *csr;

	shape->first_id = shape->node_count > 0 ? ids[0] : 0;
	shape->last_id = shape->node_count > 0 ? ids[shape->node_count - 1] : 0;
	memory = aligned_alloc(8, csr_size(shape));
	memset(memory, 0x5a, csr_size(shape));
	csr = csr_layout(memory, shape);
	csr_fill_ids(csr, ids);
	csr_fill_level(csr, 0, apps);
	csr_fill_level(csr, 1, clusters);
	return csr;
}

static csr_header *
make_csr(csr_shape *shape, const csr_edge *apps, const csr_edge *clusters)
{
	int64_t ids[NODES];

	for (int node = 0; node < NODES; node++)
		ids[node] = 10 * (int64_t) node - 50;
	return make_csr_of(shape, ids, apps, clusters);
}

static int
compare_edges(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(csr_edge));
}

/* All links of a level, from the rows of one direction, which must be in order. */
static csr_edge *
read_rows(const csr_header *csr, int level, csr_direction direction)
{
	const csr_level *place = &csr->levels[level];
	const uint32_t *offsets = csr_at(csr, place->offsets[direction]);
	const uint32_t *targets = csr_at(csr, place->targets[direction]);
	csr_edge *edges = calloc(place->edge_count, sizeof(csr_edge));

	assert_int_equal(offsets[0], 0);
	assert_int_equal(offsets[csr->node_count], place->edge_count);
	for (uint32_t near = 0; near < csr->node_count; near++)
		for (uint32_t i = offsets[near]; i < offsets[near + 1]; i++)
		{
			assert_true(i == offsets[near] || targets[i - 1] <= targets[i]);
			edges[i] = (csr_edge){
				.source = direction == CSR_OUT ? near : targets[i],
				.target = direction == CSR_OUT ? targets[i] : near,
				.type = csr_edge_type(csr_at(csr, place->types[direction]), csr->type_width, i),
			};
		}
	return edges;
}

static void
expect_level(const csr_header *csr, int level, csr_edge *expected)
{
	uint64_t count = csr->levels[level].edge_count;

	qsort(expected, count, sizeof(csr_edge), compare_edges);
	for (int direction = CSR_OUT; direction <= CSR_IN; direction++)
	{
		csr_edge *edges = read_rows(csr, level, direction);

		qsort(edges, count, sizeof(csr_edge), compare_edges);
		assert_memory_equal(edges, expected, count * sizeof(csr_edge));
		free(edges);
	}
}

static void
holds_every_link_in_both_directions(void **state)
{
	static const uint32_t types[] = {1, 2, 256, 257, 65536, 65537};
	static const uint32_t widths[] = {0, 1, 1, 2, 2, 4};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		csr_edge *apps = make_edges(EDGES, NODES, types[i], 17 + i);
		csr_edge *clusters = make_edges(EDGES / 7, NODES, types[i], 99 + i);
		csr_shape shape = {.node_count = NODES,
						   .type_count = types[i],
						   .node_type_count = 3,
						   .running_count = 5,
						   .texts_size = 77,
						   .edge_counts = {EDGES, EDGES / 7}};
		csr_header *csr = make_csr(&shape, apps, clusters);

		assert_int_equal(csr->type_width, widths[i]);
		expect_level(csr, 0, apps);
		expect_level(csr, 1, clusters);
		free(csr);
		free(apps);
		free(clusters);
	}
}

static void
may_be_empty(void **state)
{
	csr_shape empty = {0};
	csr_shape nodes_only = {.node_count = NODES};
	csr_header *csr = make_csr(&empty, NULL, NULL);

	assert_true(csr_is_valid(csr, csr->size));
	assert_int_equal(csr_find(csr, 0), CSR_NO_NODE);
	free(csr);
	csr = make_csr(&nodes_only, NULL, NULL);
	assert_true(csr_is_valid(csr, csr->size));
	assert_int_equal(csr->levels[0].offsets[CSR_OUT], 0);
	free(csr);
}

static void
finds_nodes_by_id(void **state)
{
	/* as far apart as ids can be, as far as 32 bits tell, and one more */
	static const int64_t last[] = {INT64_MAX, INT64_MIN + UINT32_MAX,
								   INT64_MIN + INT64_C(0x100000000)};
	static const uint32_t widths[] = {8, 4, 8};

	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++)
	{
		int64_t ids[NODES];
		csr_shape shape = {.node_count = NODES};
		csr_header *csr;

		for (int node = 0; node < NODES; node++)
			ids[node] = INT64_MIN + 10 * (int64_t) node;
		ids[NODES - 1] = last[i];
		csr = make_csr_of(&shape, ids, NULL, NULL);
		assert_int_equal(csr->id_width, widths[i]);
		assert_true(csr_is_valid(csr, csr->size));
		for (uint32_t node = 0; node < NODES; node++)
		{
			assert_true(csr_id(csr, node) == ids[node]);
			assert_int_equal(csr_find(csr, ids[node]), node);
		}
		assert_int_equal(csr_find(csr, INT64_MIN + 1), CSR_NO_NODE);
		assert_int_equal(csr_find(csr, last[i] - 1), CSR_NO_NODE);
		free(csr);
	}
}

static void
knows_the_transactions_of_its_moment(void **state)
{
	static const uint64_t running[] = {100, 103, 110};
	csr_shape shape = {.running_count = 3};
	csr_header *csr = make_csr(&shape, NULL, NULL);

	csr->moment.xmin = 100;
	csr->moment.xmax = 111;
	memcpy(csr_place(csr, csr->moment.running), running, sizeof(running));
	for (uint64_t xid = 90; xid < 120; xid++)
		assert_int_equal(csr_moment_has(csr, xid),
						 xid < 111 && xid != 100 && xid != 103 && xid != 110);
	free(csr);
}

static void
tells_damage_apart(void **state)
{
	csr_shape shape = {.node_count = NODES, .type_count = 2, .edge_counts = {EDGES, 0}};
	csr_edge *edges = make_edges(EDGES, NODES, 2, 5);
	csr_header *csr = make_csr(&shape, edges, NULL);
	uint64_t size = csr->size;

	assert_true(csr_is_valid(csr, size));
	assert_true(csr_is_valid(csr, size + 4096));
	assert_false(csr_is_valid(csr, size - 1));
	assert_false(csr_is_valid(csr, sizeof(csr_header) - 1));
	csr->magic++;
	assert_false(csr_is_valid(csr, size));
	csr->magic--;
	csr->node_count++;
	assert_false(csr_is_valid(csr, size));
	csr->node_count--;
	csr->levels[0].targets[CSR_IN] += 8;
	assert_false(csr_is_valid(csr, size));
	csr->levels[0].targets[CSR_IN] -= 8;
	assert_true(csr_is_valid(csr, size));
	free(csr);
	free(edges);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_every_link_in_both_directions),
		cmocka_unit_test(may_be_empty),
		cmocka_unit_test(finds_nodes_by_id),
		cmocka_unit_test(knows_the_transactions_of_its_moment),
		cmocka_unit_test(tells_damage_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
