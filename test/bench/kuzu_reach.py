#!/usr/bin/env python3
"""kuzu_reach.py NODES EDGES ROUNDS START...: what reaching nodes costs in Kuzu.

EDGES is a file of source and target, parted by a comma; both are below NODES.  For each
start and each k of 1 to 4 and all (0), and each round, prints start, k, nodes reached
(the start among them) and milliseconds, as plain_bfs does.
"""

import sys
import tempfile
import time

import kuzu

DEEPEST = 30  # of what Kuzu lets a search go


def load(directory, nodes, edges):
    connection = kuzu.Connection(kuzu.Database(directory + "/db"))
    ids = directory + "/ids.csv"
    with open(ids, "w", encoding="ascii") as file:
        file.writelines(f"{node}\n" for node in range(nodes))
    connection.execute("CREATE NODE TABLE node (id INT64 PRIMARY KEY)")
    connection.execute("CREATE REL TABLE link (FROM node TO node)")
    connection.execute(f"COPY node FROM '{ids}' (header = false)")
    connection.execute(f"COPY link FROM '{edges}' (header = false)")
    return connection


def reached(connection, start, depth):
    result = connection.execute(
        f"MATCH (:node {{id: {start}}})-[:link* SHORTEST 1..{depth}]->(:node) RETURN count(*)"
    )
    return result.get_next()[0] + 1


def main():
    nodes, edges, rounds = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    with tempfile.TemporaryDirectory() as directory:
        connection = load(directory, nodes, edges)
        for start in map(int, sys.argv[4:]):
            for k in range(5):
                for _ in range(rounds):
                    begin = time.perf_counter()
                    count = reached(connection, start, k or DEEPEST)
                    milliseconds = (time.perf_counter() - begin) * 1e3
                    print(start, k, count, f"{milliseconds:.6f}", sep="\t")


main()
