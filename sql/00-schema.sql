\echo Use "CREATE EXTENSION topology" to load this file. \quit

COMMENT ON SCHEMA topo IS 'topology: a real-time map of who calls whom';
