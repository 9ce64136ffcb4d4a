--
-- Memos: windows of a stretch of time, merged once and remembered in shared memory, known
-- by the very rows that they were made of.  Nothing of them is stored; the answers are the
-- same without.
--

CREATE FUNCTION topo.memos(
	OUT memory bigint, OUT memos bigint, OUT bytes bigint, OUT hits bigint, OUT misses bigint, OUT kept bigint,
	OUT renewed bigint, OUT evicted bigint, OUT too_large bigint, OUT crowded bigint)
RETURNS record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'topology_memos';
COMMENT ON FUNCTION topo.memos() IS 'the figures of memo_status, as shared memory has them';

CREATE VIEW topo.memo_status AS SELECT * FROM topo.memos();
COMMENT ON VIEW topo.memo_status IS 'what is remembered of windows that were merged, of all databases of the server; counted since it started';
COMMENT ON COLUMN topo.memo_status.memory IS 'bytes that topology.memo_memory has reserved; 0: nothing is remembered';
COMMENT ON COLUMN topo.memo_status.memos IS 'that are there';
COMMENT ON COLUMN topo.memo_status.bytes IS 'that these take';
COMMENT ON COLUMN topo.memo_status.hits IS 'memos that answers were made of';
COMMENT ON COLUMN topo.memo_status.misses IS 'memos that were looked for, and were not there';
COMMENT ON COLUMN topo.memo_status.kept IS 'memos that were made';
COMMENT ON COLUMN topo.memo_status.renewed IS 'memos that were to go for others, and stayed because they had been of use';
COMMENT ON COLUMN topo.memo_status.evicted IS 'memos that went for others';
COMMENT ON COLUMN topo.memo_status.too_large IS 'not kept, for they would have taken more than a quarter of the memory';
COMMENT ON COLUMN topo.memo_status.crowded IS 'not kept, for others were being written where room was to be made';

CREATE FUNCTION topo.forget_memos() RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'topology_forget_memos';
REVOKE EXECUTE ON FUNCTION topo.forget_memos() FROM PUBLIC;
COMMENT ON FUNCTION topo.forget_memos() IS 'forget what is remembered of windows that were merged, of all databases; returns how many memos that were. Answers stay the same';
