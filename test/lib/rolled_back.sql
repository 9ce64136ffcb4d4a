-- For tests that leave nothing: opens a transaction that the test rolls back.
\set ON_ERROR_ROLLBACK on
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
BEGIN;
