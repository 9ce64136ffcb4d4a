/*
 * plain_bfs.c
 *		plain_bfs FILE ROUNDS START...: what breadth-first search costs in plain C,
 *		over the arrays that snapshots are made of (src/traverse/csr.c).
 *
 * FILE has edges, two native uint32_t each.  For each start and each k of 1 to 4
 * and all (0), and each round, prints start, k, nodes reached, and milliseconds.
 * The search is the textbook's: a queue, and the depth of each node; what it has
 * set is undone after the clock was stopped.
 *
 * With "-" and a type for START... it prints the edges as rows for COPY, ROUNDS being
 * added to the numbers of nodes; half of them are of that type, the others of type 0.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "traverse/csr.h"

#define UNREACHED UINT32_MAX

typedef struct bfs
{
	const uint32_t *offsets;
	const uint32_t *targets;
	uint32_t *depths;
	uint32_t *queue;
} bfs;

static csr_edge *
read_edges(const char *name, uint64_t *count, uint32_t *nodes)
{
	FILE *file = fopen(name, "rb");
	uint32_t edge[2];
	csr_edge *edges = NULL;
	uint64_t room = 0;

	*count = 0;
	*nodes = 0;
	while (file != NULL && fread(edge, sizeof(edge), 1, file) == 1)
	{
		if (*count == room)
		{
			room = room == 0 ? 1024 : 2 * room;
			edges = realloc(edges, room * sizeof(csr_edge));
		}
		edges[(*count)++] = (csr_edge){.source = edge[0], .target = edge[1]};
		*nodes = edge[0] >= *nodes ? edge[0] + 1 : *nodes;
		*nodes = edge[1] >= *nodes ? edge[1] + 1 : *nodes;
	}
	if (file != NULL)
		fclose(file);
	return edges;
}

static double
now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static uint32_t
search(bfs *self, uint32_t start, uint32_t most)
{
	uint32_t count = 1;

	self->depths[start] = 0;
	self->queue[0] = start;
	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t node = self->queue[i];
		uint32_t depth = self->depths[node];

		if (depth == most)
			break;
		for (uint32_t edge = self->offsets[node]; edge < self->offsets[node + 1]; edge++)
		{
			uint32_t target = self->targets[edge];

			if (self->depths[target] != UNREACHED)
				continue;
			self->depths[target] = depth + 1;
			self->queue[count++] = target;
		}
	}
	return count;
}

static void
measure(bfs *self, uint32_t start, int rounds)
{
	for (int k = 0; k <= 4; k++)
		for (int round = 0; round < rounds; round++)
		{
			double begin = now_ms();
			uint32_t reached = search(self, start, k == 0 ? UNREACHED : (uint32_t) k);
			double end = now_ms();

			printf("%u\t%d\t%u\t%.6f\n", start, k, reached, end - begin);
			for (uint32_t i = 0; i < reached; i++)
				self->depths[self->queue[i]] = UNREACHED;
		}
}

static void
print_rows(const csr_edge *edges, uint64_t count, int64_t base, const char *type)
{
	for (uint64_t i = 0; i < count; i++)
		printf("a\t%lld\t%lld\t%s\n", (long long) (base + edges[i].source),
			   (long long) (base + edges[i].target),
			   (edges[i].source + edges[i].target) % 2 == 0 ? "0" : type);
}

int
main(int argc, char **argv)
{
	csr_shape shape = {.type_count = 1};
	csr_edge *edges;
	csr_header *csr;
	bfs self;

	if (argc < 4)
	{
		fprintf(stderr, "usage: plain_bfs FILE ROUNDS START... | plain_bfs FILE BASE - TYPE\n");
		return 1;
	}
	edges = read_edges(argv[1], &shape.edge_counts[0], &shape.node_count);
	if (strcmp(argv[3], "-") == 0)
	{
		print_rows(edges, shape.edge_counts[0], atoll(argv[2]), argc > 4 ? argv[4] : "0");
		return 0;
	}
	csr = csr_layout(aligned_alloc(64, (csr_size(&shape) + 63) & ~UINT64_C(63)), &shape);
	csr_fill_level(csr, 0, edges);
	self.offsets = csr_at(csr, csr->levels[0].offsets[CSR_OUT]);
	self.targets = csr_at(csr, csr->levels[0].targets[CSR_OUT]);
	self.depths = malloc(shape.node_count * sizeof(uint32_t));
	self.queue = malloc(shape.node_count * sizeof(uint32_t));
	memset(self.depths, 0xff, shape.node_count * sizeof(uint32_t));
	for (int i = 3; i < argc; i++)
		measure(&self, (uint32_t) strtoul(argv[i], NULL, 10), atoi(argv[2]));
	return 0;
}
