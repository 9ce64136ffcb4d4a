/*
 * unit.h
 *		What the unit tests share: cmocka with what it needs, and flow values.
 */
#ifndef TOPOLOGY_UNIT_H
#define TOPOLOGY_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/flow.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The address that text is; fails the test if it is none. */
extern flow_address address_of(const char *text);

extern flow_text text_of(const char *text);

/* Fails the test unless text is expected; NULL: unless it is absent. */
extern void assert_text(flow_text text, const char *expected);
extern void assert_address(flow_address address, const char *expected);

/* Fails the test if bytes is not UTF-8 or has a control character. */
extern void assert_printable(const char *bytes);

#endif /* TOPOLOGY_UNIT_H */
