CREATE SCHEMA IF NOT EXISTS dtm_barrier;
CREATE TABLE IF NOT EXISTS dtm_barrier.branchwire_outbox (
    gid VARCHAR(128) PRIMARY KEY,
    state VARCHAR(16) NOT NULL,
    body TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    owner VARCHAR(64) NOT NULL,
    refusals INTEGER NOT NULL DEFAULT 0,
    reason VARCHAR(512) NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS branchwire_outbox_due ON dtm_barrier.branchwire_outbox (state, due_ms);
