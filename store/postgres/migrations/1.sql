-- Format 1 to 2: seals, and triggers that refuse changes of the log; a lease notes refusals. Whoever could read the log can
-- read the seals.

CREATE TABLE seal_log (
  tenant_id  bigint PRIMARY KEY,
  log_id     bytea NOT NULL,
  public_key bytea NOT NULL
);

CREATE TABLE seal_run (
  n              bigint PRIMARY KEY,
  sealed_at      bigint NOT NULL,
  request_upto   bigint NOT NULL,
  event_upto     bigint NOT NULL,
  recording_upto bigint NOT NULL,
  capture_upto   bigint NOT NULL,
  pad            bytea NOT NULL,
  text_sum       bytea NOT NULL
);

CREATE TABLE seal_told (
  n bigint PRIMARY KEY
);

CREATE TABLE seal_stamp (
  n      bigint PRIMARY KEY,
  answer bytea NOT NULL
);

CREATE TABLE seal_head (
  tenant_id  bigint NOT NULL,
  run        bigint NOT NULL,
  size       bigint NOT NULL,
  checkpoint text NOT NULL,
  peaks      bytea NOT NULL,
  hints      bytea NOT NULL,
  PRIMARY KEY (tenant_id, run)
);

CREATE INDEX seal_head_run ON seal_head (run);

CREATE TABLE seal_leaf (
  tenant_id bigint NOT NULL,
  seq       bigint NOT NULL,
  line      text NOT NULL,
  PRIMARY KEY (tenant_id, seq)
);

CREATE TABLE seal_pruned (
  tenant_id bigint NOT NULL,
  level     bigint NOT NULL,
  n         bigint NOT NULL,
  hash      bytea NOT NULL,
  PRIMARY KEY (tenant_id, level, n)
);

CREATE INDEX event_prune ON event (id) WHERE kind = 'prune';

CREATE FUNCTION headroom_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% append-only: % was refused', TG_ARGV[0], TG_OP USING ERRCODE = 'raise_exception';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON meta
  EXECUTE FUNCTION headroom_append_only('names are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON secret
  EXECUTE FUNCTION headroom_append_only('the hash key is');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tenant
  EXECUTE FUNCTION headroom_append_only('names are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON route
  EXECUTE FUNCTION headroom_append_only('names are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON client
  EXECUTE FUNCTION headroom_append_only('names are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON source
  EXECUTE FUNCTION headroom_append_only('names are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON machine
  EXECUTE FUNCTION headroom_append_only('machines are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON push
  EXECUTE FUNCTION headroom_append_only('what was pushed is');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON request
  EXECUTE FUNCTION headroom_append_only('the request log is');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON recording
  EXECUTE FUNCTION headroom_append_only('the list of recordings is');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
  EXECUTE FUNCTION headroom_append_only('events are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
  EXECUTE FUNCTION headroom_append_only('the ledger is');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON capture
  EXECUTE FUNCTION headroom_append_only('the times of capture are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal_log
  EXECUTE FUNCTION headroom_append_only('seals are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal_run
  EXECUTE FUNCTION headroom_append_only('seals are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal_told
  EXECUTE FUNCTION headroom_append_only('seals are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal_stamp
  EXECUTE FUNCTION headroom_append_only('seals are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal_head
  EXECUTE FUNCTION headroom_append_only('seals are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal_leaf
  EXECUTE FUNCTION headroom_append_only('seals are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal_pruned
  EXECUTE FUNCTION headroom_append_only('seals are');

DO $$
DECLARE
  seals text := 'seal_log, seal_run, seal_told, seal_stamp, seal_head, seal_leaf, seal_pruned';
  who text;
BEGIN
  FOR who IN SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
    FROM pg_class, aclexplode(relacl) WHERE oid = 'request'::regclass AND privilege_type = 'SELECT' AND grantee <> relowner
  LOOP
    EXECUTE 'GRANT SELECT ON ' || seals || ' TO ' || who;
  END LOOP;
END $$;

ALTER TABLE lease ADD COLUMN refused_at bigint;
