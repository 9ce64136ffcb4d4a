/*
 * absorb.c
 *		Hops through intermediaries to edges: states, groups, and who is whose caller.
 *
 * absorb.h has the method.  The order of work: states and their groups; the hops
 * at which paths begin (from nodes that are no intermediaries; then from
 * intermediaries that nobody calls); whose traffic reaches which state; the
 * shares of each state (absorb_chain.c); which hops are consumed.
 *
 * All is indexed by arrays that are sorted once.  Memory: about 100 bytes a hop
 * and a state, and what the shares take, in the current context.
 */
#include "resolve/absorb.h"

#include <math.h>

#include "resolve/absorb_chain.h"

/* What is not certain is believed so much at the most. */
#define APPORTIONED_MOST 0.8
#define INCOMPLETE_MOST  0.9
#define ONE_SEEN         0.95

/* A state begins with its place. */
static int
compare_places(const void *a, const void *b)
{
	const absorb_place *x = a;
	const absorb_place *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	if (x->listener != y->listener)
		return x->listener < y->listener ? -1 : 1;
	return 0;
}

static bool
went_through(const absorb_hop *hop)
{
	return hop->bytes > 0 || hop->connections > 0;
}

static bool
enters_state(const absorb_window *window, const absorb_hop *hop)
{
	return window->nodes[hop->dst].between && went_through(hop);
}

/* Where hops come to, each place once; there are far fewer of them than hops. */
static absorb_state *
distinct_states(const absorb_window *window, int *count)
{
	absorb_place *places =
		palloc_extended(sizeof(absorb_place) * Max(window->hop_count, 1), MCXT_ALLOC_HUGE);
	absorb_state *states;
	int all = 0;
	int distinct = 0;

	for (int i = 0; i < window->hop_count; i++)
		if (enters_state(window, &window->hops[i]))
			places[all++] = (absorb_place){window->hops[i].dst, window->hops[i].listener};
	qsort(places, all, sizeof(absorb_place), compare_places);
	for (int i = 0; i < all; i++)
		if (i == 0 || compare_places(&places[i], &places[distinct - 1]) != 0)
			places[distinct++] = places[i];
	states =
		palloc_extended(sizeof(absorb_state) * Max(distinct, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < distinct; i++)
		states[i].place = places[i];
	pfree(places);
	*count = distinct;
	return states;
}

static void
find_states(absorb_window *window)
{
	window->states = distinct_states(window, &window->state_count);
	for (int i = 0; i < window->state_count; i++)
	{
		window->states[i].caller = ABSORB_NOBODY;
		window->states[i].caller_app = ABSORB_NOBODY;
	}
}

static int
find_state(const absorb_window *window, int node, int32 listener)
{
	absorb_place key = {node, listener};
	absorb_state *found =
		bsearch(&key, window->states, window->state_count, sizeof(absorb_state), compare_places);

	return found ? (int) (found - window->states) : -1;
}

static void
enter_states(absorb_window *window)
{
	for (int i = 0; i < window->hop_count; i++)
	{
		absorb_hop *hop = &window->hops[i];

		hop->state = enters_state(window, hop) ? find_state(window, hop->dst, hop->listener) : -1;
		hop->caller = ABSORB_NOBODY;
		hop->caller_app = ABSORB_NOBODY;
		hop->source = false;
		hop->consumed = false;
	}
}

static bool
is_backend(const absorb_window *window, const absorb_backend *backend, int node)
{
	return backend->node == node || backend->node == window->nodes[node].app;
}

static bool
has_declared(const absorb_window *window, int intermediary, int32 port)
{
	for (int i = 0; i < window->backend_count; i++)
		if (window->backends[i].intermediary == intermediary && window->backends[i].port == port)
			return true;
	return false;
}

static bool
is_declared(const absorb_window *window, int intermediary, int32 port, int node)
{
	for (int i = 0; i < window->backend_count; i++)
		if (window->backends[i].intermediary == intermediary && window->backends[i].port == port &&
			is_backend(window, &window->backends[i], node))
			return true;
	return false;
}

/* Whether some listener of its own has been declared a node. */
static bool
is_anothers(const absorb_window *window, int intermediary, int node)
{
	for (int i = 0; i < window->backend_count; i++)
		if (window->backends[i].intermediary == intermediary && window->backends[i].port != 0 &&
			is_backend(window, &window->backends[i], node))
			return true;
	return false;
}

/* What is declared for the listener comes before what is for all, and that before the rest. */
static bool
may_follow(const absorb_window *window, const absorb_state *state, const absorb_hop *hop)
{
	if (state->place.listener != 0 &&
		has_declared(window, state->place.node, state->place.listener))
		return is_declared(window, state->place.node, state->place.listener, hop->dst);
	if (state->declared)
		return is_declared(window, state->place.node, 0, hop->dst);
	return !is_anothers(window, state->place.node, hop->dst);
}

/* One more of those declared: the one there is, or that there are several. */
static void
join_sole(int *sole, bool first, int node)
{
	*sole = first || *sole == node ? node : -1;
}

/* Note what is declared for a state, if it is one thing; true: for it, and not for all listeners.
 */
static bool
find_sole(const absorb_window *window, absorb_state *state)
{
	bool own = state->place.listener != 0 &&
			   has_declared(window, state->place.node, state->place.listener);
	bool first = true;

	state->sole = -1;
	state->sole_app = -1;
	for (int i = 0; i < window->backend_count; i++)
	{
		const absorb_backend *backend = &window->backends[i];

		if (backend->intermediary != state->place.node ||
			backend->port != (own ? state->place.listener : 0))
			continue;
		join_sole(&state->sole, first, backend->node);
		join_sole(&state->sole_app, first, backend->app);
		first = false;
	}
	state->declared = !first;
	return own;
}

/* Give a state those hops that leave its node, first to last - 1 of leaving, that may follow. */
static void
form_group(absorb_window *window, absorb_state *state, const int *leaving, int count)
{
	int64 bytes = 0;

	state->group = palloc(sizeof(int) * Max(count, 1));
	for (int i = 0; i < count; i++)
		if (may_follow(window, state, &window->hops[leaving[i]]))
		{
			state->group[state->group_count++] = leaving[i];
			bytes += window->hops[leaving[i]].bytes;
		}
	state->by_bytes = bytes > 0;
	absorb_weigh(window, state);
}

/*
 * Hops by the node that they leave: those of node n are order[first[n]] to
 * order[first[n + 1] - 1].
 */
static int *
order_by_source(const absorb_window *window, int **first)
{
	int *order = palloc(sizeof(int) * Max(window->hop_count, 1));
	int *start = palloc0(sizeof(int) * (window->node_count + 2));

	for (int i = 0; i < window->hop_count; i++)
		start[window->hops[i].src + 2]++;
	for (int n = 0; n < window->node_count; n++)
		start[n + 2] += start[n + 1];
	for (int i = 0; i < window->hop_count; i++)
		order[start[window->hops[i].src + 1]++] = i;
	*first = start;
	return order;
}

/* A listener for which nothing is declared has the group of the others like it. */
static void
share_group(absorb_state *state, const absorb_state *other)
{
	state->group = other->group;
	state->group_count = other->group_count;
	state->total = other->total;
	state->by_bytes = other->by_bytes;
}

static void
form_groups(absorb_window *window)
{
	int *first;
	int *order = order_by_source(window, &first);
	const absorb_state *common = NULL;

	for (int i = 0; i < window->state_count; i++)
	{
		absorb_state *state = &window->states[i];
		int begin = first[state->place.node];
		bool own = find_sole(window, state);

		if (!own && common && common->place.node == state->place.node)
		{
			share_group(state, common);
			continue;
		}
		form_group(window, state, order + begin, first[state->place.node + 1] - begin);
		if (!own)
			common = state;
	}
}

/* A caller joined with what is known of the callers so far; true: that changed it. */
static bool
join_caller(int *callers, int caller)
{
	int joined = *callers;

	if (caller == ABSORB_NOBODY || joined == ABSORB_SEVERAL || joined == caller)
		return false;
	*callers = joined == ABSORB_NOBODY ? caller : ABSORB_SEVERAL;
	return true;
}

/* Tell the hops of a state's group whose traffic they carry, and the states behind these. */
static void
spread_callers(absorb_window *window, int at)
{
	int *pending = palloc(sizeof(int) * Max(window->state_count, 1));
	bool *waits = palloc0(Max(window->state_count, 1));
	int count = 0;

	pending[count++] = at;
	while (count > 0)
	{
		absorb_state *state = &window->states[pending[--count]];

		waits[state - window->states] = false;
		for (int i = 0; i < state->group_count; i++)
		{
			absorb_hop *hop = &window->hops[state->group[i]];
			bool news = join_caller(&hop->caller, state->caller);

			news |= join_caller(&hop->caller_app, state->caller_app);
			if (!news || hop->state < 0)
				continue;
			join_caller(&window->states[hop->state].caller, hop->caller);
			join_caller(&window->states[hop->state].caller_app, hop->caller_app);
			if (!waits[hop->state])
				pending[count++] = hop->state;
			waits[hop->state] = true;
		}
	}
	pfree(pending);
	pfree(waits);
}

static void
begin_path(absorb_window *window, absorb_hop *hop)
{
	absorb_state *state = &window->states[hop->state];
	/* where the host does not report, there may be others */
	bool seen = window->nodes[state->place.node].reports;
	bool news = join_caller(&state->caller, seen ? hop->src : ABSORB_SEVERAL);

	news |= join_caller(&state->caller_app, seen ? window->nodes[hop->src].app : ABSORB_SEVERAL);
	hop->source = true;
	state->callers++;
	if (news)
		spread_callers(window, hop->state);
}

/* Which nodes are called, through an intermediary or not, by another than themselves. */
static bool *
find_called(const absorb_window *window)
{
	bool *called = palloc0(Max(window->node_count, 1));

	for (int i = 0; i < window->hop_count; i++)
		if (window->hops[i].src != window->hops[i].dst && went_through(&window->hops[i]))
			called[window->hops[i].dst] = true;
	return called;
}

/* Paths begin at callers that are no intermediaries, and at intermediaries that nobody calls. */
static void
find_sources(absorb_window *window)
{
	bool *called = find_called(window);

	for (int i = 0; i < window->hop_count; i++)
	{
		absorb_hop *hop = &window->hops[i];

		if (hop->state >= 0 && (!window->nodes[hop->src].between || !called[hop->src]))
			begin_path(window, hop);
	}
	pfree(called);
}

/* Have the hops consumed over which the paths through a state go on. */
static void
consume_from(absorb_window *window, int at)
{
	int *pending = palloc(sizeof(int) * Max(window->state_count, 1));
	int count = 0;

	if (!window->states[at].demanded)
		pending[count++] = at;
	window->states[at].demanded = true;
	while (count > 0)
	{
		absorb_state *state = &window->states[pending[--count]];

		for (int i = 0; i < state->group_count; i++)
		{
			absorb_hop *hop = &window->hops[state->group[i]];

			hop->consumed = !hop->source;
			if (hop->state < 0 || window->states[hop->state].demanded)
				continue;
			window->states[hop->state].demanded = true;
			pending[count++] = hop->state;
		}
	}
	pfree(pending);
}

static void
consume(absorb_window *window)
{
	for (int i = 0; i < window->hop_count; i++)
	{
		absorb_hop *hop = &window->hops[i];

		if (!hop->source)
			continue;
		if (window->states[hop->state].wide)
			hop->source = false;
		else
			consume_from(window, hop->state);
	}
}

void
absorb_solve(absorb_window *window)
{
	find_states(window);
	enter_states(window);
	form_groups(window);
	find_sources(window);
	absorb_find_shares(window);
	for (int i = 0; i < window->state_count; i++)
	{
		absorb_state *state = &window->states[i];

		state->wide = (int64) state->callers * state->share_count > window->most;
	}
	consume(window);
}

float
absorb_confidence(const absorb_window *window, const absorb_hop *hop, const absorb_share *share,
				  bool apps)
{
	const absorb_state *state = &window->states[hop->state];
	float confidence = Min(hop->confidence, share->confidence);
	bool one = apps ? state->callee_apps == 1 || share->one_caller_app
					: state->callees == 1 || share->one_caller;

	if (share->via_count == 0)
		return hop->confidence;
	if (apps ? share->sure_app : share->sure)
		return confidence;
	if (one)
		confidence *= ONE_SEEN;
	else
		confidence *=
			APPORTIONED_MOST * (1 - pow(1 - share->share, (double) Max(hop->connections, 1)));
	return state->complete ? confidence : Min(confidence, INCOMPLETE_MOST);
}
