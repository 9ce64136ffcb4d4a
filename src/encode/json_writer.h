/*
 * json_writer.h
 *		JSON written into a buffer of the caller's.  For this folder only.
 */
#ifndef TOPOLOGY_ENCODE_JSON_WRITER_H
#define TOPOLOGY_ENCODE_JSON_WRITER_H

#include "flow/flow.h"

/*
 * All zero but buffer and size to begin with.  What does not fit is counted in
 * length and not written; nothing is NUL-terminated.
 */
typedef struct json_writer
{
	char *buffer;
	size_t size;
	size_t length;
	bool follows; /* a member of the object at hand was written: the next needs a comma */
} json_writer;

/* Open and close an object; name NULL: it is no member of another. */
extern void json_write_open(json_writer *writer, const char *name);
extern void json_write_close(json_writer *writer);

/*
 * One member.  Names are written as they are; of a text, which has to be UTF-8,
 * what JSON demands is escaped.
 */
extern void json_write_text(json_writer *writer, const char *name, flow_text text);
extern void json_write_integer(json_writer *writer, const char *name, int64_t value);

#endif /* TOPOLOGY_ENCODE_JSON_WRITER_H */
