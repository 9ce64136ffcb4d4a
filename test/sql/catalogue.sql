-- The extension's objects keep the rules that hold for all of them.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/rolled_back.sql'
\i :start
\set ECHO all
SELECT topo.create_service_map();
CREATE TEMP VIEW member AS
	SELECT d.classid, d.objid, i.type, i.identity
	FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass,
		 pg_identify_object(d.classid, d.objid, 0) i
	WHERE d.deptype = 'e' AND e.extname = 'topology';
CREATE TEMP VIEW member_function AS
	SELECT p.*, m.identity
	FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid;
-- Enough are seen for the questions below to mean something.
SELECT count(*) > 100 AS many FROM member_function;

-- Each has a comment.
SELECT m.type, m.identity FROM member m
WHERE obj_description(m.objid, m.classid::regclass::name) IS NULL
  -- but for what comes with tables and types: sequences, row types and arrays
  AND m.type <> 'sequence'
  AND NOT (m.classid = 'pg_type'::regclass
		   AND EXISTS (SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
					   WHERE t.oid = m.objid AND (t.typelem <> 0 AND t.typcategory = 'A' OR c.relkind IN ('r', 'v'))))
ORDER BY 1, 2;
SELECT t.tgrelid::regclass, t.tgname FROM pg_trigger t
WHERE t.tgrelid IN (SELECT objid FROM member) AND NOT t.tgisinternal AND obj_description(t.oid, 'pg_trigger') IS NULL;

-- All are in the schema topo.
SELECT identity FROM member WHERE identity !~ '(^|[ (,])topo\.' ORDER BY 1;

-- Parallel safety is stated: whoever changes nothing is safe or restricted to the leader, whoever may change something is not safe.
SELECT identity, provolatile, proparallel FROM member_function
WHERE proparallel = 'u' AND provolatile <> 'v' ORDER BY 1;
SELECT identity, proparallel FROM member_function
WHERE proparallel <> 'u' AND provolatile = 'v' ORDER BY 1;

-- SQL is run with a search_path that is pinned.  Functions that are inlined name nothing without its schema; a caller's query means what it means to him.
SELECT f.identity FROM member_function f JOIN pg_language l ON l.oid = f.prolang
WHERE l.lanname IN ('sql', 'plpgsql') AND f.prosqlbody IS NULL
  AND NOT coalesce(f.proconfig @> '{"search_path=pg_catalog, topo, pg_temp"}', false)
ORDER BY 1;
-- With its owner's rights runs only what makes and drops tables, or writes what secrets are next to; who may call it has been granted that.
SELECT identity, has_function_privilege('topo_admin', oid, 'EXECUTE') AS admin, has_function_privilege('topo_writer', oid, 'EXECUTE') AS writer,
	   has_function_privilege('topo_reader', oid, 'EXECUTE') AS reader
FROM member_function WHERE prosecdef ORDER BY 1;
SELECT identity FROM member_function WHERE prosecdef AND NOT coalesce(proconfig @> '{"search_path=pg_catalog, topo, pg_temp"}', false);

-- What users put into tables is dumped: all tables and their sequences, but for edge_type's own row and the changes since snapshots, which end with the server.
SELECT m.identity AS not_dumped
FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
WHERE c.relkind IN ('r', 'p', 'S')
  AND c.oid NOT IN (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'topology')
ORDER BY 1;
SELECT s.oid::regclass AS not_dumped
FROM pg_class s JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype = 'i'
WHERE s.relkind = 'S' AND d.refobjid IN (SELECT objid FROM member)
  AND s.oid NOT IN (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'topology');
SELECT c.oid::regclass, c.condition
FROM pg_extension e, unnest(e.extconfig, e.extcondition) c (oid, condition)
WHERE e.extname = 'topology' AND c.condition <> '';

-- Tables of graphs are the user's, with comments of their own.
SELECT m.identity FROM member m JOIN pg_class c ON c.oid = m.objid AND m.classid = 'pg_class'::regclass
WHERE c.relnamespace::regnamespace::text LIKE 'topo\_%';
SELECT c.relname, count(*) AS graphs, bool_and(obj_description(c.oid, 'pg_class') IS NOT NULL) AS commented
FROM pg_class c
WHERE c.relnamespace IN ('topo_network'::regnamespace, 'topo_ipc'::regnamespace, 'topo_trace'::regnamespace)
  AND c.relkind IN ('r', 'p') AND NOT c.relispartition
GROUP BY 1 ORDER BY 1;
-- So they stay when the extension goes, except where they need its type.
SELECT DISTINCT d.refobjid::regtype FROM pg_depend d JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
WHERE c.relnamespace = 'topo_network'::regnamespace AND d.refclassid = 'pg_type'::regclass AND d.refobjid IN (SELECT objid FROM member);
ROLLBACK;
