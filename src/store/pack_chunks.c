/*
 * pack_chunks.c
 *		Windows in order of source and target, as packs of a handy size.
 */
#include "store/pack_chunks.h"

bool
pack_chunks_begin(pack_chunks *chunks, int64_t begin, int64_t length, sketch_allocator allocator,
				  pack_sink sink, void *context)
{
	*chunks = (pack_chunks){
		.writer = pack_writer_make(begin, length, allocator), .sink = sink, .context = context};
	return chunks->writer != NULL;
}

static void
note_bounds(pack_chunks *chunks, const pack_window *window)
{
	pack_bounds *bounds = &chunks->bounds;

	if (pack_writer_count(chunks->writer) == 1)
		*bounds = (pack_bounds){window->src, window->src, window->first_seen, window->last_seen};
	bounds->last_src = window->src;
	if (window->first_seen < bounds->first_seen)
		bounds->first_seen = window->first_seen;
	if (window->last_seen > bounds->last_seen)
		bounds->last_seen = window->last_seen;
}

bool
pack_chunks_add(pack_chunks *chunks, const pack_window *window, const int64_t *via,
				const traffic_value *traffic)
{
	if (!pack_writer_add(chunks->writer, window, via, traffic))
		return false;
	note_bounds(chunks, window);
	if (pack_writer_count(chunks->writer) < PACK_CHUNK_WINDOWS &&
		pack_writer_size(chunks->writer) < PACK_CHUNK_BYTES)
		return true;
	return pack_chunks_finish(chunks);
}

bool
pack_chunks_finish(pack_chunks *chunks)
{
	return pack_writer_count(chunks->writer) == 0 ||
		   chunks->sink(chunks->context, chunks->writer, &chunks->bounds);
}

void
pack_chunks_free(pack_chunks *chunks)
{
	if (chunks->writer != NULL)
		pack_writer_free(chunks->writer);
	chunks->writer = NULL;
}
