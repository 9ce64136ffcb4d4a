/*
 * text_file.h
 *		A small file of text, whole.
 */
#ifndef TOPOLOGY_TEXT_FILE_H
#define TOPOLOGY_TEXT_FILE_H

#include <sys/types.h>

/*
 * The file's bytes, NUL-terminated, to be freed; *mode, unless NULL, is that of
 * the file that was read.  NULL, with a message printed: it cannot be read, has
 * a NUL byte or is larger than a megabyte.
 */
extern char *text_file_read(const char *path, mode_t *mode);

#endif /* TOPOLOGY_TEXT_FILE_H */
