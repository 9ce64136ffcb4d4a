/*
 * absorb_chain.h
 *		The shares of states, for absorb.c.
 */
#ifndef TOPOLOGY_RESOLVE_ABSORB_CHAIN_H
#define TOPOLOGY_RESOLVE_ABSORB_CHAIN_H

#include "resolve/absorb.h"

/* Leave in a state's group what weighs something, and set its total. */
extern void absorb_weigh(absorb_window *window, absorb_state *state);

/*
 * Find the shares of every state, and whether all is known of it; groups and
 * callers must be there.  Recurses along chains; raises
 * ERRCODE_STATEMENT_TOO_COMPLEX where one is longer than the stack.
 */
extern void absorb_find_shares(absorb_window *window);

#endif /* TOPOLOGY_RESOLVE_ABSORB_CHAIN_H */
