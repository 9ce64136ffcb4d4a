#!/bin/sh
# Prints traverse() and reachable_count() from snapshots beside WITH RECURSIVE, plain
# C over the same arrays, and Kuzu and pgRouting where they can be had, on a graph of
# 2^RMAT_SCALE nodes (RMAT_SCALE, 20) for which RMAT_EDGES edges are drawn (10,000,000),
# with a fixed seed; then what a write costs while there is a snapshot, and how long a
# new backend takes to its first answer.  PGHOST, PGPORT, PGUSER and PGDATABASE say
# where; that database needs the extension, and no graph "rmat".  What it makes there
# is gone when it ends.
#
# Plain C and the server run one after the other: both warm, on the same edges.
set -eu

here=$(dirname "$0")
top=$here/../..
scale=${RMAT_SCALE:-20}
drawn=${RMAT_EDGES:-10000000}
rounds=5
run="psql -X -q -v ON_ERROR_STOP=1"
export PGOPTIONS="${PGOPTIONS:-} -c client_min_messages=warning"

if [ "$($run -At -c "SELECT count(*) FROM topo.graph WHERE name = 'rmat'")" != 0 ]; then
	echo "rmat.sh: there is a graph \"rmat\" already; drop it with SELECT topo.drop_graph('rmat')" >&2
	exit 1
fi

work=$(mktemp -d)
clean_up()
{
	rm -rf "$work"
	$run -o /dev/null <<-'SQL'
		SELECT topo.drop_graph(name) FROM topo.graph WHERE name = 'rmat';
		DELETE FROM topo.node WHERE type = 'app' AND name ~ '^rmat-[0-9]+$';
		DELETE FROM topo.edge_type WHERE name = 'rmat';
	SQL
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

"${CC:-cc}" -O2 -o "$work/rmat" "$here/rmat.c"
"${CC:-cc}" -O2 -I "$top/src" -o "$work/plain_bfs" "$here/plain_bfs.c" "$top/src/traverse/csr.c"
"$work/rmat" "$scale" "$drawn" 1 "$work/edges"
edges=$(($(wc -c <"$work/edges") / 8))
# sources of edges, so that each calls something
starts=
for fifth in 1 2 3 4; do
	starts="$starts $(od -An -tu4 -j $((edges * fifth / 5 * 8)) -N4 "$work/edges" | tr -d ' ')"
done
# shellcheck disable=SC2086 # the starts are words
"$work/plain_bfs" "$work/edges" "$rounds" $starts >"$work/plain"

# Kuzu, from Python's package index if it is not installed
: >"$work/kuzu"
if python3 -c 'import kuzu' 2>/dev/null ||
	python3 -m pip install --quiet --disable-pip-version-check --target "$work/python" kuzu==0.11.3 2>/dev/null; then
	"$work/plain_bfs" "$work/edges" 0 - | cut -f2,3 | tr '\t' , >"$work/edges.csv"
	# shellcheck disable=SC2086 # the starts are words
	PYTHONPATH=$work/python${PYTHONPATH:+:$PYTHONPATH} "$here/kuzu_reach.py" "$((1 << scale))" "$work/edges.csv" 1 $starts >"$work/kuzu"
else
	echo 'Kuzu cannot be installed here, so it is not measured'
fi

# by COPY, since what is measured is not load_edges(); the ids of the nodes are their numbers and a base
$run -o /dev/null <<SQL
SELECT topo.create_graph('rmat');
INSERT INTO topo.node (type, name) SELECT 'app', 'rmat-' || n FROM generate_series(0, (1 << $scale) - 1) n;
ALTER TABLE topo_rmat.link DROP CONSTRAINT link_pkey;
DROP INDEX topo_rmat.link_reverse_idx;
SQL
base=$($run -At -c "SELECT id FROM topo.node WHERE type = 'app' AND name = 'rmat-0'")
type=$($run -At -c "INSERT INTO topo.edge_type (name) VALUES ('rmat') ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id")
"$work/plain_bfs" "$work/edges" "$base" - "$type" | $run -c "COPY topo_rmat.link (level, src, dst, type) FROM STDIN"
$run -o /dev/null <<'SQL'
ALTER TABLE topo_rmat.link ADD PRIMARY KEY (level, src, dst, type);
CREATE INDEX link_reverse_idx ON topo_rmat.link (level, dst, src, type);
VACUUM ANALYZE topo_rmat.link;
VACUUM ANALYZE topo.node;
SELECT topo.take_snapshot('rmat', '10 minutes');
SQL
$run -v plain="$work/plain" -v kuzu="$work/kuzu" -v starts="$(echo $starts | tr ' ' ',')" -v rounds=$rounds -f "$here/rmat.sql"

# Milliseconds of the first question of a new backend, and of the next, medians of so many backends.
# shellcheck disable=SC2086 # the starts are words
set -- $starts
echo
for _ in 1 2 3 4 5 6 7; do
	printf '%s\n' '\timing on' "SELECT topo.reachable_count('{rmat-$1}', max_depth => 1, graphs => '{rmat}');" \
		"SELECT topo.reachable_count('{rmat-$1}', max_depth => 1, graphs => '{rmat}');" | $run -At |
		sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | paste -sd' ' -
done | sort -n | sed -n 4p | awk '{ printf "first answer of a new backend: %s ms, the next: %s ms (k = 1, the client'\''s round trip included)\n", $1, $2 }'
echo
$run -f "$here/rmat_write.sql"
