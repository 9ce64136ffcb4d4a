/*
 * csr.h
 *		The links of a graph as compressed sparse rows, in one piece of memory.
 *
 * All places are offsets from the header, so the memory may be mapped anywhere.
 * Nodes are numbered in the order of their ids; the neighbours of a node are in
 * ascending order, in both directions.  A level (apps, clusters) without edges
 * takes no memory.
 *
 * An edge takes 8 bytes, 4 for each direction, and twice type_width: 0 where all
 * edges are of one type, 1 for up to 256 types, else 2 or 4.  A node takes 18
 * bytes, 8 for each level that has edges, and its label; a bit more where any is closed.
 *
 * Nothing here needs a server: memory is the caller's, and no function fails.
 */
#ifndef TOPOLOGY_TRAVERSE_CSR_H
#define TOPOLOGY_TRAVERSE_CSR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSR_MAGIC    UINT64_C(0x0001525343504f54)
#define CSR_NO_NODE  UINT32_MAX
#define CSR_NO_LABEL 0 /* the node has no name: texts begin with a byte that nobody uses */

typedef enum csr_direction
{
	CSR_OUT,
	CSR_IN
} csr_direction;

#define CSR_LEVELS 2 /* apps, clusters */

/* Places of a level's arrays; all 0 where it has no edges. */
typedef struct csr_level
{
	uint64_t edge_count;
	uint64_t offsets[2]; /* uint32_t[node_count + 1], for each direction */
	uint64_t targets[2]; /* uint32_t[edge_count] */
	uint64_t types[2];   /* type_width bytes each: the place of the type in edge_types */
} csr_level;

/*
 * The moment that the links are of: the transactions before xmin, and those
 * before xmax that are not in running, are in it.
 */
typedef struct csr_moment
{
	uint64_t xmin;
	uint64_t xmax;
	uint64_t running; /* place of uint64_t[running_count], ascending */
	uint32_t running_count;
} csr_moment;

typedef struct csr_header
{
	uint64_t magic;
	uint64_t size; /* of all, header included */
	uint32_t node_count;
	uint32_t type_count;
	uint32_t type_width;
	uint32_t node_type_count;
	uint32_t unnamed_count;
	uint32_t id_width;
	int64_t first_id;
	int64_t last_id;
	csr_level levels[CSR_LEVELS];
	csr_moment moment;
	uint64_t ids;        /* id_width bytes for each node, ascending: how far from first_id */
	uint64_t edge_types; /* int32_t[type_count], ascending */
	uint64_t labels;     /* uint32_t[node_count]: places in texts, or CSR_NO_LABEL */
	uint64_t ranks;      /* uint32_t[node_count]: of the label, by its bytes */
	uint64_t
		node_kinds; /* csr_kind_width() bytes each: the place of the node's type in node_types */
	uint64_t node_types; /* uint32_t[node_type_count]: places in texts */
	uint64_t texts;      /* varlenas */
	uint64_t texts_size;
	uint64_t
		closed; /* uint64_t[node_count / 64 + 1], a bit a node: it is not gone on from; 0: none */
	uint64_t unnamed;        /* uint32_t[unnamed_count], ascending: nodes without a label */
	uint64_t link_signature; /* of what notes the changes of links, and of names */
	uint64_t node_signature;
} csr_header;

/* What has to be known to lay it out. */
typedef struct csr_shape
{
	uint32_t node_count;
	int64_t first_id; /* of the nodes, and the last; any where there are none */
	int64_t last_id;
	uint32_t type_count;
	uint32_t node_type_count;
	uint32_t running_count;
	uint32_t unnamed_count;
	bool has_closed;
	uint64_t texts_size;
	uint64_t edge_counts[CSR_LEVELS]; /* below UINT32_MAX each */
} csr_shape;

typedef struct csr_edge
{
	uint32_t source;
	uint32_t target;
	uint32_t type;
} csr_edge;

static inline const void *
csr_at(const csr_header *csr, uint64_t place)
{
	return (const char *) csr + place;
}

/* The same to write to, while it is being made. */
static inline void *
csr_place(csr_header *csr, uint64_t place)
{
	return (char *) csr + place;
}

static inline int64_t
csr_id(const csr_header *csr, uint32_t node)
{
	const void *ids = csr_at(csr, csr->ids);

	/* the sum may be beyond what an int64_t has half-way */
	return (int64_t) ((uint64_t) csr->first_id + (csr->id_width == sizeof(uint32_t)
													  ? ((const uint32_t *) ids)[node]
													  : ((const uint64_t *) ids)[node]));
}

/* The type of an edge, by its place in the level's targets, as a place in edge_types. */
static inline uint32_t
csr_edge_type(const void *types, uint32_t width, uint64_t edge)
{
	switch (width)
	{
		case 1:
			return ((const uint8_t *) types)[edge];
		case 2:
			return ((const uint16_t *) types)[edge];
		case 4:
			return ((const uint32_t *) types)[edge];
		default:
			return 0;
	}
}

/* Bytes that the place of one of so many types of nodes takes. */
static inline uint32_t
csr_kind_width(uint32_t node_type_count)
{
	return node_type_count <= UINT8_MAX + 1 ? sizeof(uint8_t) : sizeof(uint16_t);
}

/* Where the place of a node's type is kept. */
static inline const void *
csr_kind_place(const csr_header *csr, uint32_t node)
{
	return csr_at(csr, csr->node_kinds + (uint64_t) node * csr_kind_width(csr->node_type_count));
}

/* The type of a node, as a place in node_types. */
static inline uint16_t
csr_node_kind(const csr_header *csr, uint32_t node)
{
	const void *place = csr_kind_place(csr, node);

	return csr_kind_width(csr->node_type_count) == sizeof(uint8_t) ? *(const uint8_t *) place
																   : *(const uint16_t *) place;
}

static inline bool
csr_is_closed(const csr_header *csr, uint32_t node)
{
	return csr->closed != 0 &&
		   (((const uint64_t *) csr_at(csr, csr->closed))[node / 64] >> (node % 64) & 1);
}

/* Bytes that a shape takes. */
extern uint64_t csr_size(const csr_shape *shape);

/* Write the header; memory has csr_size() bytes, and is aligned to 8. */
extern csr_header *csr_layout(void *memory, const csr_shape *shape);

/* Fill the ids, of which the shape had the first and the last. */
extern void csr_fill_ids(csr_header *csr, const int64_t *ids);

/*
 * Fill a level from its edges, in any order, of which there must be as many as
 * the shape said; no node or type may be beyond the shape.  Linear in nodes and
 * edges, and needs no other memory.
 */
extern void csr_fill_level(csr_header *csr, int level, const csr_edge *edges);

/* Whether memory of that size holds what the header says, as far as a look at it can tell. */
extern bool csr_is_valid(const void *memory, uint64_t size);

/* The number of the node with that id, or CSR_NO_NODE. */
extern uint32_t csr_find(const csr_header *csr, int64_t id);

/* Whether a transaction is in the moment. */
extern bool csr_moment_has(const csr_header *csr, uint64_t xid);

#endif /* TOPOLOGY_TRAVERSE_CSR_H */
