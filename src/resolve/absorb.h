/*
 * absorb.h
 *		Hops through intermediaries, in one window, to edges from caller to callee.
 *
 * Intermediaries are the transient states of an absorbing Markov chain (J. G.
 * Kemeny, J. L. Snell, "Finite Markov Chains", 1960, chapter III).  A state is a
 * listener of an intermediary: its node and port.  What comes to a state goes on
 * as the traffic of its backend group goes: to x with P(x) = w(x) / sum of w over
 * the group, w being the bytes of the hop or, where the group has none, its
 * connections.  The group is what the inventory declares for the listener, else
 * all that no other listener of the intermediary has been declared.  A hop from A
 * to a state becomes edges from A to each B in which the chain is absorbed, with
 * the share that is absorbed there: so totals are conserved, in every counter,
 * whatever chains and loops there are, and the hops that leave the intermediaries
 * are in no edge of their own.
 *
 * What comes to a listener of which the inventory declares one backend goes to that
 * one for certain.  Otherwise nothing is: an intermediary makes calls of its own
 * (health checks), answers some itself, and what goes in and out need not fall into
 * the same window.  Where one callee or one caller was seen, an edge is believed
 * 0.95; where there were several, 0.8 (1 - (1 - p)^n): the chance that one at
 * least of A's n connections went to a callee whose share is p, and never more than
 * 0.8, since who balances by path or by caller does not do so by chance.  Where the
 * intermediary's own host does not report there may be callers and callees that are
 * not seen, and one caller is as good as several.  confidence is between nodes,
 * app_confidence between their apps.
 *
 * A hop stays what it is where nothing leaves the intermediary in the window,
 * where it failed, where callers times callees of a listener, or the memory for
 * all shares, are more than the caller allows, and in a loop that nothing leaves.
 */
#ifndef TOPOLOGY_RESOLVE_ABSORB_H
#define TOPOLOGY_RESOLVE_ABSORB_H

#include "postgres.h"

#include "store/traffic.h"

/* The nodes of hops are numbers of these; their order decides where remainders go. */
typedef struct absorb_node
{
	int app;      /* the node that stands for it at the level of apps */
	bool between; /* it is an intermediary whose hops are to be joined */
	bool reports; /* its host reports all its connections in this window */
} absorb_node;

typedef struct absorb_hop
{
	int src;
	int dst;
	int32 listener; /* the port of dst; 0: not known */
	int64 bytes;
	int64 connections;
	float confidence;

	/* of absorb_solve() */
	int state; /* in which dst takes it, -1: none */
	int caller;
	int caller_app;
	bool source;   /* where a path begins */
	bool consumed; /* part of edges that begin elsewhere */
} absorb_hop;

/* Declared: what is behind a listener (port 0: every one) of an intermediary. */
typedef struct absorb_backend
{
	int intermediary;
	int32 port;
	int node; /* itself, or the app of what is behind */
	int app;  /* of node */
} absorb_backend;

/* One callee of a state. */
typedef struct absorb_share
{
	int dst;
	const int *via; /* the intermediaries up to it, in order */
	int via_count;
	double share; /* all shares of a state together are 1 */
	float confidence;
	bool one_caller; /* nobody else was seen whose traffic could have gone there */
	bool one_caller_app;
	bool sure; /* by what is declared */
	bool sure_app;
} absorb_share;

typedef struct absorb_place
{
	int node;
	int32 listener;
} absorb_place;

typedef struct absorb_state
{
	absorb_place place;
	int *group; /* hops */
	int group_count;
	double total;  /* of the group's weights */
	bool by_bytes; /* what these are */
	bool declared;
	int sole;      /* the one backend that is declared, -1: none or several */
	int sole_app;  /* the one app whose backends are declared */
	bool complete; /* all that goes in and out here, and behind here, was seen */
	bool demanded;
	bool wide; /* its hops stay what they are */
	int callers;
	int caller; /* whose traffic comes here: a node, or ABSORB_NOBODY, or ABSORB_SEVERAL */
	int caller_app;
	absorb_share *shares; /* by dst and via */
	int share_count;
	int callees; /* distinct ones */
	int callee_apps;

	/* of the search for loops */
	int index;
	int low;
	bool on_stack;
} absorb_state;

#define ABSORB_NOBODY  (-1)
#define ABSORB_SEVERAL (-2)

/*
 * What is known of one window.  nodes, hops (in an order that does not depend on
 * that in which records came) and backends are the caller's; the rest is made by
 * absorb_solve() in the current memory context and lives as long as that.
 */
typedef struct absorb_window
{
	const absorb_node *nodes;
	int node_count;
	absorb_hop *hops;
	int hop_count;
	const absorb_backend *backends;
	int backend_count;
	int64 most;   /* edges that one listener may become */
	int64 memory; /* bytes that all shares may take, about */

	absorb_state *states;
	int state_count;
	int64 taken; /* of that, so far */
} absorb_window;

/*
 * Find the states and their shares.  Afterwards a hop with a source and a state
 * that is not wide is to be split over the state's shares; one that is consumed
 * is part of others; every other stays an edge as it is.
 *
 * Cost: linear in hops and shares; cubic in the listeners of one loop, of which
 * ABSORB_LOOP_MAX at most are solved.
 */
extern void absorb_solve(absorb_window *window);

#define ABSORB_LOOP_MAX 128

/* How a share of a source's hop is to be believed, between nodes and between apps. */
extern float absorb_confidence(const absorb_window *window, const absorb_hop *hop,
							   const absorb_share *share, bool apps);

#endif /* TOPOLOGY_RESOLVE_ABSORB_H */
