/*
 * csr.c
 *		The layout of csr.h: how it is laid out, filled and looked at.
 *
 * A level is filled by counting sort: once by target from the edges as they come,
 * once by source from that, which puts the targets of each source in order, and
 * once more by target from that.
 */
#include "traverse/csr.h"

#include <string.h>

/* Take a place for so many bytes, aligned to 8. */
static uint64_t
take(uint64_t *end, uint64_t bytes)
{
	uint64_t place = *end;

	*end = (place + bytes + 7) & ~UINT64_C(7);
	return place;
}

static uint32_t
width_for(uint32_t type_count)
{
	if (type_count <= 1)
		return 0;
	if (type_count <= UINT8_MAX + 1)
		return 1;
	return type_count <= UINT16_MAX + 1 ? 2 : 4;
}

static uint32_t
id_width_for(const csr_shape *shape)
{
	uint64_t span = (uint64_t) shape->last_id - (uint64_t) shape->first_id;

	return span <= UINT32_MAX ? sizeof(uint32_t) : sizeof(uint64_t);
}

static void
lay_out_level(csr_header *csr, csr_level *level, uint64_t edge_count, uint64_t *end)
{
	memset(level, 0, sizeof(*level));
	level->edge_count = edge_count;
	for (int direction = CSR_OUT; edge_count > 0 && direction <= CSR_IN; direction++)
	{
		level->offsets[direction] = take(end, (csr->node_count + UINT64_C(1)) * sizeof(uint32_t));
		level->targets[direction] = take(end, edge_count * sizeof(uint32_t));
		level->types[direction] = take(end, edge_count * csr->type_width);
	}
}

static void
lay_out(csr_header *csr, const csr_shape *shape)
{
	uint64_t end = 0;

	memset(csr, 0, sizeof(*csr));
	csr->magic = CSR_MAGIC;
	csr->node_count = shape->node_count;
	csr->type_count = shape->type_count;
	csr->type_width = width_for(shape->type_count);
	csr->node_type_count = shape->node_type_count;
	csr->unnamed_count = shape->unnamed_count;
	csr->first_id = shape->first_id;
	csr->last_id = shape->last_id;
	csr->id_width = id_width_for(shape);
	csr->moment.running_count = shape->running_count;
	csr->texts_size = shape->texts_size;

	(void) take(&end, sizeof(csr_header));
	csr->moment.running = take(&end, shape->running_count * sizeof(uint64_t));
	csr->ids = take(&end, (uint64_t) shape->node_count * csr->id_width);
	csr->edge_types = take(&end, shape->type_count * sizeof(int32_t));
	csr->labels = take(&end, shape->node_count * sizeof(uint32_t));
	csr->ranks = take(&end, shape->node_count * sizeof(uint32_t));
	csr->node_kinds =
		take(&end, (uint64_t) shape->node_count * csr_kind_width(shape->node_type_count));
	csr->node_types = take(&end, shape->node_type_count * sizeof(uint32_t));
	csr->texts = take(&end, shape->texts_size);
	if (shape->has_closed)
		csr->closed = take(&end, (shape->node_count / 64 + UINT64_C(1)) * sizeof(uint64_t));
	csr->unnamed = take(&end, shape->unnamed_count * sizeof(uint32_t));
	for (int i = 0; i < CSR_LEVELS; i++)
		lay_out_level(csr, &csr->levels[i], shape->edge_counts[i], &end);
	csr->size = end;
}

uint64_t
csr_size(const csr_shape *shape)
{
	csr_header header;

	lay_out(&header, shape);
	return header.size;
}

csr_header *
csr_layout(void *memory, const csr_shape *shape)
{
	lay_out(memory, shape);
	return memory;
}

/* One direction of a level, while it is filled. */
typedef struct csr_rows
{
	uint32_t node_count;
	uint32_t *offsets;
	uint32_t *targets;
	void *types;
	uint32_t type_width;
} csr_rows;

static csr_rows
rows_of(csr_header *csr, int level, csr_direction direction)
{
	const csr_level *place = &csr->levels[level];

	return (csr_rows){
		.node_count = csr->node_count,
		.offsets = csr_place(csr, place->offsets[direction]),
		.targets = csr_place(csr, place->targets[direction]),
		.types = csr_place(csr, place->types[direction]),
		.type_width = csr->type_width,
	};
}

static inline void
set_type(const csr_rows *rows, uint64_t edge, uint32_t type)
{
	switch (rows->type_width)
	{
		case 1:
			((uint8_t *) rows->types)[edge] = (uint8_t) type;
			break;
		case 2:
			((uint16_t *) rows->types)[edge] = (uint16_t) type;
			break;
		case 4:
			((uint32_t *) rows->types)[edge] = type;
			break;
		default:
			break;
	}
}

/* From numbers of edges to where the edges of each node begin. */
static void
begin_rows(const csr_rows *rows)
{
	uint32_t begin = 0;

	for (uint64_t node = 0; node <= rows->node_count; node++)
	{
		uint32_t count = rows->offsets[node];

		rows->offsets[node] = begin;
		begin += count;
	}
}

/* Each offset has moved to the end of its row, which is where the next begins. */
static void
end_rows(const csr_rows *rows)
{
	memmove(rows->offsets + 1, rows->offsets, rows->node_count * sizeof(uint32_t));
	rows->offsets[0] = 0;
}

static inline void
put(const csr_rows *rows, uint32_t near, uint32_t far, uint32_t type)
{
	uint32_t edge = rows->offsets[near]++;

	rows->targets[edge] = far;
	set_type(rows, edge, type);
}

static void
fill_from_edges(const csr_rows *in, const csr_edge *edges, uint64_t count)
{
	memset(in->offsets, 0, (in->node_count + UINT64_C(1)) * sizeof(uint32_t));
	for (uint64_t i = 0; i < count; i++)
		in->offsets[edges[i].target]++;
	begin_rows(in);
	for (uint64_t i = 0; i < count; i++)
		put(in, edges[i].target, edges[i].source, edges[i].type);
	end_rows(in);
}

/* The other direction, its rows in order. */
static void
fill_from_rows(const csr_rows *to, const csr_rows *from, uint64_t count)
{
	memset(to->offsets, 0, (to->node_count + UINT64_C(1)) * sizeof(uint32_t));
	for (uint64_t i = 0; i < count; i++)
		to->offsets[from->targets[i]]++;
	begin_rows(to);
	for (uint32_t node = 0; node < from->node_count; node++)
		for (uint32_t i = from->offsets[node]; i < from->offsets[node + 1]; i++)
			put(to, from->targets[i], node, csr_edge_type(from->types, from->type_width, i));
	end_rows(to);
}

void
csr_fill_ids(csr_header *csr, const int64_t *ids)
{
	void *place = csr_place(csr, csr->ids);

	for (uint32_t node = 0; node < csr->node_count; node++)
	{
		uint64_t distance = (uint64_t) ids[node] - (uint64_t) csr->first_id;

		if (csr->id_width == sizeof(uint32_t))
			((uint32_t *) place)[node] = (uint32_t) distance;
		else
			((uint64_t *) place)[node] = distance;
	}
}

void
csr_fill_level(csr_header *csr, int level, const csr_edge *edges)
{
	uint64_t count = csr->levels[level].edge_count;
	csr_rows out = rows_of(csr, level, CSR_OUT);
	csr_rows in = rows_of(csr, level, CSR_IN);

	if (count == 0)
		return;
	fill_from_edges(&in, edges, count);
	fill_from_rows(&out, &in, count);
	fill_from_rows(&in, &out, count);
}

bool
csr_is_valid(const void *memory, uint64_t size)
{
	const csr_header *csr = memory;
	csr_header wanted;
	csr_shape shape;

	if (size < sizeof(csr_header) || csr->magic != CSR_MAGIC || csr->size > size)
		return false;
	shape = (csr_shape){
		.node_count = csr->node_count,
		.first_id = csr->first_id,
		.last_id = csr->last_id,
		.type_count = csr->type_count,
		.node_type_count = csr->node_type_count,
		.running_count = csr->moment.running_count,
		.unnamed_count = csr->unnamed_count,
		.has_closed = csr->closed != 0,
		.texts_size = csr->texts_size,
		.edge_counts = {csr->levels[0].edge_count, csr->levels[1].edge_count},
	};
	lay_out(&wanted, &shape);
	wanted.moment.xmin = csr->moment.xmin;
	wanted.moment.xmax = csr->moment.xmax;
	wanted.link_signature = csr->link_signature;
	wanted.node_signature = csr->node_signature;
	return memcmp(&wanted, csr, sizeof(csr_header)) == 0;
}

uint32_t
csr_find(const csr_header *csr, int64_t id)
{
	uint32_t low = 0;
	uint32_t high = csr->node_count;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (csr_id(csr, middle) < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < csr->node_count && csr_id(csr, low) == id ? low : CSR_NO_NODE;
}

bool
csr_moment_has(const csr_header *csr, uint64_t xid)
{
	const uint64_t *running = csr_at(csr, csr->moment.running);
	uint32_t low = 0;
	uint32_t high = csr->moment.running_count;

	if (xid < csr->moment.xmin || xid >= csr->moment.xmax)
		return xid < csr->moment.xmin;
	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (running[middle] < xid)
			low = middle + 1;
		else
			high = middle;
	}
	return low == csr->moment.running_count || running[low] != xid;
}
