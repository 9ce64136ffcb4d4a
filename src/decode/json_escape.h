/*
 * json_escape.h
 *		The escapes of a JSON string.
 */
#ifndef TOPOLOGY_DECODE_JSON_ESCAPE_H
#define TOPOLOGY_DECODE_JSON_ESCAPE_H

#include "decode/decode.h"

/*
 * Replace the escapes of what stands between the quotes of a JSON string
 * (RFC 8259, section 7).  output has room for text.length bytes, which is never
 * too little.  NULL: done, and *length is set; else what is wrong.
 */
extern const char *json_unescape(flow_text text, char *output, uint32_t *length);

#endif /* TOPOLOGY_DECODE_JSON_ESCAPE_H */
