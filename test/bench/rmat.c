/*
 * rmat.c
 *		rmat SCALE EDGES SEED FILE: a graph of 2^SCALE nodes with the degrees of real
 *		ones, drawn by recursive halving (Chakrabarti, Zhan, Faloutsos, 2004) with the
 *		probabilities of Graph500: 0.57, 0.19, 0.19, 0.05.
 *
 * So many edges are drawn; those drawn before, and those from a node to itself,
 * are left out.  Numbers of nodes are shuffled.  FILE gets the edges in order, two
 * native uint32_t each.  The same arguments make the same file on every machine.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state;

/* splitmix64 (Steele, Lea, Flood, 2014) */
static uint64_t
draw(void)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t
draw_edge(int scale)
{
	uint32_t source = 0;
	uint32_t target = 0;

	for (int bit = 0; bit < scale; bit++)
	{
		uint32_t part = draw() % 100;

		source = source << 1 | (part >= 76);
		target = target << 1 | ((part >= 57 && part < 76) || part >= 95);
	}
	return (uint64_t) source << 32 | target;
}

static uint32_t *
shuffle(uint32_t count)
{
	uint32_t *names = malloc(count * sizeof(uint32_t));

	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t other = draw() % (i + 1);

		names[i] = names[other];
		names[other] = i;
	}
	return names;
}

static int
compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *) a;
	uint64_t right = *(const uint64_t *) b;

	return (left > right) - (left < right);
}

static void
write_edges(const uint64_t *edges, size_t count, FILE *file)
{
	for (size_t i = 0; i < count; i++)
	{
		uint32_t edge[2] = {edges[i] >> 32, (uint32_t) edges[i]};

		if (edge[0] != edge[1] && (i == 0 || edges[i] != edges[i - 1]))
			fwrite(edge, sizeof(edge), 1, file);
	}
}

int
main(int argc, char **argv)
{
	int scale = argc > 4 ? atoi(argv[1]) : 0;
	size_t count = argc > 4 ? strtoull(argv[2], NULL, 10) : 0;
	FILE *file = argc > 4 ? fopen(argv[4], "wb") : NULL;
	uint64_t *edges = malloc(count * sizeof(uint64_t));
	uint32_t *names;

	if (file == NULL || edges == NULL || scale < 1 || scale > 31)
	{
		fprintf(stderr, "usage: rmat SCALE EDGES SEED FILE\n");
		return 1;
	}
	state = strtoull(argv[3], NULL, 10);
	names = shuffle(UINT32_C(1) << scale);
	for (size_t i = 0; i < count; i++)
	{
		uint64_t edge = draw_edge(scale);

		edges[i] = (uint64_t) names[edge >> 32] << 32 | names[(uint32_t) edge];
	}
	qsort(edges, count, sizeof(uint64_t), compare);
	write_edges(edges, count, file);
	return fclose(file) == 0 ? 0 : 1;
}
