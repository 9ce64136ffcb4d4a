-- The contract: what users call is there, with the names and meanings that were promised.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/rolled_back.sql'
\i :start
\set ECHO all

-- Functions by their leading arguments; arguments that come later have defaults.
CREATE TEMP TABLE wanted (name text, leading_args text[], required integer);
INSERT INTO wanted VALUES
	('create_service_map', '{}', 0), ('create_graph', '{name,options}', 1), ('set_graph', '{name,options}', 2),
	('drop_graph', '{name}', 1), ('load_edges', '{graph,query}', 2),
	('add_source', '{name,kind,format,options}', 3), ('set_source', '{name,options}', 2), ('pause_source', '{name}', 1), ('resume_source', '{name}', 1),
	('drop_source', '{name}', 1), ('wait_for_source', '{name,timeout}', 2), ('replay_dead_letters', '{source}', 1),
	('ingest', '{format,payload}', 2), ('flush', '{}', 0),
	('set_node', '{type,name,properties}', 2), ('set_address', '{address,node,valid,port,scope}', 3),
	('set_intermediary', '{name,kind,address,port,backends}', 3),
	('edges', '{during,graphs,level}', 0), ('hops', '{during}', 0), ('mermaid', '{}', 0), ('dot', '{}', 0),
	('traverse', '{start,direction,max_depth,graphs,during,edge_types,node_filter,edge_limit,edge_order,max_nodes,after}', 1),
	('upstream', '{name,max_depth}', 1), ('downstream', '{name,max_depth}', 1), ('blast_radius', '{name}', 1),
	('shortest_path', '{a,b}', 2), ('reachable_count', '{start,direction,max_depth}', 1),
	('as_of', '{at}', 1), ('diff', '{before,after,graphs,level}', 2), ('history', '{source,target,during,step}', 2);
SELECT w.name, w.leading_args AS missing_or_otherwise
FROM wanted w
WHERE NOT EXISTS (
	SELECT FROM pg_proc p
	WHERE p.pronamespace = 'topo'::regnamespace AND p.proname = w.name
	  AND (coalesce(p.proargnames, '{}'))[1:cardinality(w.leading_args)] = w.leading_args
	  AND p.pronargs - p.pronargdefaults <= w.required)
ORDER BY 1;
-- None is there twice, so that a call that leaves out arguments is never ambiguous.
SELECT p.proname, count(*)
FROM pg_proc p JOIN wanted w ON w.name = p.proname
WHERE p.pronamespace = 'topo'::regnamespace
GROUP BY 1 HAVING count(*) > 1;
SELECT w.name, pg_get_function_result(p.oid)
FROM wanted w JOIN pg_proc p ON p.pronamespace = 'topo'::regnamespace AND p.proname = w.name
WHERE w.name IN ('ingest', 'flush', 'load_edges', 'replay_dead_letters', 'reachable_count', 'mermaid', 'dot')
ORDER BY 1;

-- Relations by their columns.
CREATE TEMP TABLE wanted_column (relation text, column_name text, type regtype);
INSERT INTO wanted_column
SELECT r, split_part(c, ' ', 1), split_part(c, ' ', 2)::regtype
FROM (VALUES
	('source_status', '{source text,kind text,state text,partition integer,next_offset bigint,lag bigint,records bigint,dead_letters bigint,dropped bigint,last_error text,last_record_at timestamptz}'::text[]),
	('dead_letter', '{source text,partition integer,offset bigint,received_at timestamptz,key bytea,payload bytea,reason text}'),
	('node', '{id bigint,type text,name text,parent bigint,tier smallint,domain text,properties jsonb}'),
	('address', '{scope text,address inet,port integer,valid tstzrange,node bigint,source text}'),
	('intermediary', '{node bigint,kind text}'),
	('dependency', '{source text,target text,graphs text[],traffic topo.traffic,connections bigint,bytes_sent bigint,bytes_received bigint,requests bigint,errors bigint,first_seen timestamptz,last_seen timestamptz,via text[],confidence real}')
) v (r, columns), unnest(columns) c;
SELECT w.*
FROM wanted_column w
WHERE NOT EXISTS (
	SELECT FROM pg_attribute a
	WHERE a.attrelid = to_regclass('topo.' || w.relation) AND a.attname = w.column_name AND a.atttypid = w.type)
ORDER BY 1, 2;

-- Set-returning questions by what they return.
SELECT w.name, w.result AS missing_result
FROM (VALUES ('edges', '{source,target,graphs,connections,bytes_sent,bytes_received,requests,errors,p50_ms,p99_ms,first_seen,last_seen,via,confidence}'::text[]),
			 ('diff', '{change,source,target,graph}'), ('history', '{bucket,requests,errors,p50_ms,p99_ms,connections,bytes_sent,bytes_received}'),
			 ('traverse', '{node,node_type,depth,parent,graphs}')) w (name, result)
WHERE NOT EXISTS (
	SELECT FROM pg_proc p
	WHERE p.pronamespace = 'topo'::regnamespace AND p.proname = w.name AND p.proargnames @> w.result);
ROLLBACK;
