/*
 * absorb_chain.c
 *		Where the chain is absorbed from each state, and by which way.
 *
 * States are taken in the order in which R. Tarjan's search ("Depth-first search
 * and linear graph algorithms", 1972) completes components: those behind a state
 * come before it.  A state in no loop takes over the shares of those behind it.
 * Of a loop of k states the fundamental matrix N = (I - Q)^-1 is computed, Q
 * being the transitions within: N(i, j) is how often what comes to i passes j, so
 * i takes over what leaves the loop at j with that weight.  The way from i to j is
 * given as the shortest one.
 *
 * A loop that nothing leaves, or of more than ABSORB_LOOP_MAX states, a state
 * with more shares than the window allows, and those that are left when shares have
 * taken the window's memory absorb what comes to them: what leaves them stays what it
 * is.
 */
#include "resolve/absorb_chain.h"

#include <math.h>

#include "miscadmin.h"

/* What the allocation of a way takes besides it. */
#define WAY_BYTES 24

typedef struct share_list
{
	absorb_share *items;
	int count;
	int room;
} share_list;

typedef struct search
{
	absorb_window *window;
	int *stack;
	int depth;
	int next_index;
} search;

static double
weight_of(const absorb_state *state, const absorb_hop *hop)
{
	return state->by_bytes ? (double) hop->bytes : (double) hop->connections;
}

void
absorb_weigh(absorb_window *window, absorb_state *state)
{
	int kept = 0;

	state->total = 0;
	for (int i = 0; i < state->group_count; i++)
	{
		double weight = weight_of(state, &window->hops[state->group[i]]);

		if (weight <= 0)
			continue;
		state->group[kept++] = state->group[i];
		state->total += weight;
	}
	state->group_count = kept;
}

static int
compare_shares(const void *a, const void *b)
{
	const absorb_share *x = a;
	const absorb_share *y = b;

	if (x->dst != y->dst)
		return x->dst < y->dst ? -1 : 1;
	if (x->via_count != y->via_count)
		return x->via_count < y->via_count ? -1 : 1;
	for (int i = 0; i < x->via_count; i++)
		if (x->via[i] != y->via[i])
			return x->via[i] < y->via[i] ? -1 : 1;
	return 0;
}

static void
add_share(absorb_window *window, share_list *list, const absorb_share *share)
{
	if (list->count == list->room)
	{
		window->taken += sizeof(absorb_share) * Max(list->room, 8);
		list->room = Max(list->room * 2, 8);
		list->items = list->items ? repalloc_huge(list->items, sizeof(absorb_share) * list->room)
								  : palloc(sizeof(absorb_share) * list->room);
	}
	list->items[list->count++] = *share;
}

static int
compare_ints(const void *a, const void *b)
{
	int x = *(const int *) a;
	int y = *(const int *) b;

	return x < y ? -1 : x > y;
}

static int
count_distinct(int *values, int count)
{
	int distinct = 0;

	qsort(values, count, sizeof(int), compare_ints);
	for (int i = 0; i < count; i++)
		distinct += i == 0 || values[i] != values[i - 1];
	return distinct;
}

static void
count_callees(const absorb_window *window, absorb_state *state)
{
	int *values = palloc(sizeof(int) * Max(state->share_count, 1));

	for (int i = 0; i < state->share_count; i++)
		values[i] = state->shares[i].dst;
	state->callees = count_distinct(values, state->share_count);
	for (int i = 0; i < state->share_count; i++)
		values[i] = window->nodes[state->shares[i].dst].app;
	state->callee_apps = count_distinct(values, state->share_count);
	pfree(values);
}

/* Sort a state's shares, and make one of those that lead the same way to the same callee. */
static void
settle_shares(const absorb_window *window, absorb_state *state, share_list *list)
{
	int count = 0;

	qsort(list->items, list->count, sizeof(absorb_share), compare_shares);
	for (int i = 0; i < list->count; i++)
	{
		absorb_share *last = &list->items[Max(count - 1, 0)];
		const absorb_share *share = &list->items[i];

		if (count == 0 || compare_shares(last, share) != 0)
		{
			list->items[count++] = *share;
			continue;
		}
		last->share += share->share;
		last->confidence = Max(last->confidence, share->confidence);
		last->one_caller |= share->one_caller;
		last->one_caller_app |= share->one_caller_app;
		last->sure |= share->sure;
		last->sure_app |= share->sure_app;
	}
	state->shares = list->items;
	state->share_count = count;
	count_callees(window, state);
}

/* The way through intermediaries, then that of a share behind them, each once. */
static void
prepend_way(absorb_window *window, absorb_share *share, const int *way, int count)
{
	int *via = palloc(sizeof(int) * (count + share->via_count));
	int length = 0;

	window->taken += WAY_BYTES + sizeof(int) * (count + share->via_count);

	for (int i = 0; i < count + share->via_count; i++)
	{
		int node = i < count ? way[i] : share->via[i - count];
		bool known = false;

		for (int j = 0; j < length && !known; j++)
			known = via[j] == node;
		if (!known)
			via[length++] = node;
	}
	share->via = via;
	share->via_count = length;
}

/*
 * What goes from a state over one hop of its group: to a callee, or on to the
 * shares of the state behind, all weighted.
 */
static void
add_hop(absorb_window *window, share_list *list, const absorb_state *state, const absorb_hop *hop,
		double weight, const int *way, int way_count)
{
	/* in a loop, what is declared of one state says little */
	bool in_order = way_count == 1;
	double chance = weight * weight_of(state, hop) / state->total;
	absorb_share callee = {.dst = hop->dst,
						   .share = 1,
						   .confidence = hop->confidence,
						   .one_caller = hop->caller >= 0,
						   .one_caller_app = hop->caller_app >= 0,
						   .sure = true,
						   .sure_app = true};
	const absorb_state *behind = hop->state >= 0 ? &window->states[hop->state] : NULL;
	const absorb_share *shares = behind ? behind->shares : &callee;
	int count = behind ? behind->share_count : 1;

	for (int i = 0; i < count; i++)
	{
		absorb_share share = shares[i];

		share.share *= chance;
		share.confidence = Min(share.confidence, hop->confidence);
		share.sure &= in_order && state->sole == hop->dst;
		share.sure_app &= in_order && state->sole_app == window->nodes[hop->dst].app;
		/* absorbed behind, in an intermediary that nothing leaves */
		if (behind && share.via_count == 0)
		{
			share.one_caller = callee.one_caller;
			share.one_caller_app = callee.one_caller_app;
		}
		prepend_way(window, &share, way, way_count);
		add_share(window, list, &share);
	}
}

/* Nothing goes on from here that could be told: the intermediary itself is the callee. */
static void
absorb_here(absorb_window *window, absorb_state *state)
{
	absorb_share here = {.dst = state->place.node, .share = 1, .confidence = 1};
	share_list list = {0};

	state->group_count = 0;
	add_share(window, &list, &here);
	settle_shares(window, state, &list);
}

static bool
has_room(const absorb_window *window)
{
	return window->taken <= window->memory;
}

static bool
is_known(const absorb_window *window, const absorb_state *state)
{
	return window->nodes[state->place.node].reports;
}

static void
solve_single(absorb_window *window, absorb_state *state)
{
	share_list list = {0};
	bool fits = has_room(window);

	state->complete = is_known(window, state);
	for (int i = 0; i < state->group_count && fits; i++)
	{
		const absorb_hop *hop = &window->hops[state->group[i]];

		if (hop->state >= 0)
			state->complete &= window->states[hop->state].complete;
		add_hop(window, &list, state, hop, 1, &state->place.node, 1);
		fits = list.count <= window->most && has_room(window);
	}
	if (list.count > 0 && fits)
		settle_shares(window, state, &list);
	else
		absorb_here(window, state);
}

/* The place of a state in a component, or -1. */
static int
place_in(const int *members, int count, int state)
{
	for (int i = 0; i < count; i++)
		if (members[i] == state)
			return i;
	return -1;
}

static double *
inner_transitions(const absorb_window *window, const int *members, int count)
{
	double *within = palloc0(sizeof(double) * count * count);

	for (int i = 0; i < count; i++)
	{
		const absorb_state *state = &window->states[members[i]];

		for (int g = 0; g < state->group_count; g++)
		{
			const absorb_hop *hop = &window->hops[state->group[g]];
			int to = hop->state >= 0 ? place_in(members, count, hop->state) : -1;

			if (to >= 0)
				within[i * count + to] += weight_of(state, hop) / state->total;
		}
	}
	return within;
}

static void
swap_rows(double *matrix, int width, int a, int b)
{
	for (int column = 0; column < width; column++)
	{
		double kept = matrix[a * width + column];

		matrix[a * width + column] = matrix[b * width + column];
		matrix[b * width + column] = kept;
	}
}

/* Gauss-Jordan on [I - Q | I], with pivots; NULL: something never leaves. */
static double *
fundamental_matrix(const double *within, int count)
{
	int width = 2 * count;
	double *matrix = palloc0(sizeof(double) * count * width);
	double *result = palloc(sizeof(double) * count * count);

	for (int i = 0; i < count; i++)
	{
		for (int j = 0; j < count; j++)
			matrix[i * width + j] = (i == j) - within[i * count + j];
		matrix[i * width + count + i] = 1;
	}
	for (int column = 0; column < count; column++)
	{
		int pivot = column;

		for (int row = column + 1; row < count; row++)
			if (fabs(matrix[row * width + column]) > fabs(matrix[pivot * width + column]))
				pivot = row;
		if (fabs(matrix[pivot * width + column]) < 1e-12)
			return NULL;
		swap_rows(matrix, width, pivot, column);
		for (int row = 0; row < count; row++)
		{
			double factor = matrix[row * width + column] / matrix[column * width + column];

			for (int j = column; j < width && row != column; j++)
				matrix[row * width + j] -= factor * matrix[column * width + j];
		}
	}
	for (int i = 0; i < count; i++)
		for (int j = 0; j < count; j++)
			result[i * count + j] = matrix[i * width + count + j] / matrix[i * width + i];
	return result;
}

/* The nodes on a shortest way within a component; way has room for its count; returns how many. */
static int
shortest_way(const absorb_window *window, const double *within, const int *members, int count,
			 int from, int to, int *way)
{
	int *queue = palloc(sizeof(int) * count);
	int *next = palloc(sizeof(int) * count); /* towards "to", which the search begins at */
	int length = 0;
	int begin = 0;
	int end = 0;

	for (int i = 0; i < count; i++)
		next[i] = -1;
	next[to] = to;
	queue[end++] = to;
	while (begin < end && next[from] < 0)
	{
		int at = queue[begin++];

		for (int i = 0; i < count; i++)
			if (next[i] < 0 && within[i * count + at] > 0)
			{
				next[i] = at;
				queue[end++] = i;
			}
	}
	for (int at = from;; at = next[at])
	{
		way[length++] = window->states[members[at]].place.node;
		if (at == to)
			break;
	}
	pfree(queue);
	pfree(next);
	return length;
}

/* What leaves a loop at one state, as often as what came to another passes there. */
static void
add_exits(absorb_window *window, share_list *list, const int *members, int count, int at,
		  double passes, const int *way, int way_count)
{
	const absorb_state *state = &window->states[members[at]];

	for (int g = 0; g < state->group_count; g++)
	{
		const absorb_hop *hop = &window->hops[state->group[g]];

		if (hop->state < 0 || place_in(members, count, hop->state) < 0)
			add_hop(window, list, state, hop, passes, way, way_count);
	}
}

static bool
loop_is_known(const absorb_window *window, const int *members, int count)
{
	bool known = true;

	for (int i = 0; i < count; i++)
	{
		const absorb_state *state = &window->states[members[i]];

		known &= is_known(window, state);
		for (int g = 0; g < state->group_count; g++)
		{
			const absorb_hop *hop = &window->hops[state->group[g]];

			if (hop->state >= 0 && place_in(members, count, hop->state) < 0)
				known &= window->states[hop->state].complete;
		}
	}
	return known;
}

static void
solve_loop(absorb_window *window, const int *members, int count)
{
	double *within = count <= ABSORB_LOOP_MAX ? inner_transitions(window, members, count) : NULL;
	double *passes = within ? fundamental_matrix(within, count) : NULL;
	bool complete = passes && loop_is_known(window, members, count);
	int *way = palloc(sizeof(int) * count);

	for (int i = 0; i < count; i++)
	{
		absorb_state *state = &window->states[members[i]];
		share_list list = {0};

		state->complete = complete;
		for (int j = 0; passes && j < count && has_room(window); j++)
		{
			int length;

			if (passes[i * count + j] <= 0)
				continue;
			length = shortest_way(window, within, members, count, i, j, way);
			add_exits(window, &list, members, count, j, passes[i * count + j], way, length);
		}
		if (list.count > 0 && has_room(window))
			settle_shares(window, state, &list);
	}
	/* not before, since what leaves one state is the others' too */
	for (int i = 0; i < count; i++)
		if (window->states[members[i]].share_count == 0)
			absorb_here(window, &window->states[members[i]]);
}

static bool
calls_itself(const absorb_window *window, int at)
{
	const absorb_state *state = &window->states[at];

	for (int i = 0; i < state->group_count; i++)
		if (window->hops[state->group[i]].state == at)
			return true;
	return false;
}

/* The component whose root is at hand: all above it on the stack. */
static void
solve_component(search *tarjan, int root)
{
	int first = tarjan->depth;
	int *members;

	do
		first--;
	while (tarjan->stack[first] != root);
	members = tarjan->stack + first;
	for (int i = first; i < tarjan->depth; i++)
		tarjan->window->states[tarjan->stack[i]].on_stack = false;
	qsort(members, tarjan->depth - first, sizeof(int), compare_ints);
	if (tarjan->depth - first > 1 || calls_itself(tarjan->window, root))
		solve_loop(tarjan->window, members, tarjan->depth - first);
	else
		solve_single(tarjan->window, &tarjan->window->states[root]);
	tarjan->depth = first;
}

static void
visit(search *tarjan, int at)
{
	absorb_state *state = &tarjan->window->states[at];

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	state->index = state->low = ++tarjan->next_index;
	state->on_stack = true;
	tarjan->stack[tarjan->depth++] = at;
	for (int i = 0; i < state->group_count; i++)
	{
		int behind = tarjan->window->hops[state->group[i]].state;

		if (behind < 0)
			continue;
		if (tarjan->window->states[behind].index == 0)
		{
			visit(tarjan, behind);
			state->low = Min(state->low, tarjan->window->states[behind].low);
		}
		else if (tarjan->window->states[behind].on_stack)
			state->low = Min(state->low, tarjan->window->states[behind].index);
	}
	if (state->low == state->index)
		solve_component(tarjan, at);
}

void
absorb_find_shares(absorb_window *window)
{
	search tarjan = {.window = window, .stack = palloc(sizeof(int) * Max(window->state_count, 1))};

	for (int i = 0; i < window->state_count; i++)
		if (window->states[i].index == 0)
			visit(&tarjan, i);
	pfree(tarjan.stack);
}
