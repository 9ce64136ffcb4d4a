/*
 * utf8.h
 *		UTF-8 as Unicode defines it: no overlong form, no surrogate, at most U+10FFFF.
 */
#ifndef TOPOLOGY_FLOW_UTF8_H
#define TOPOLOGY_FLOW_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the character that text begins with; 0 if it is malformed or length is 0. */
extern size_t utf8_character_length(const char *text, size_t length);

/*
 * Put a question mark for each byte of text, NUL-terminated, that is a control
 * character (up to U+009F) or no UTF-8, so that any database takes it.
 */
extern void utf8_make_printable(char *text);

/* How many bytes text begins with that a database's text may hold: UTF-8 without NUL. */
extern size_t utf8_valid_length(const char *text, size_t length);

/* The most bytes, at most limit, that end between two characters of a valid text. */
extern size_t utf8_cut(const char *text, size_t length, size_t limit);

#endif /* TOPOLOGY_FLOW_UTF8_H */
