CREATE TABLE IF NOT EXISTS branchwire_outbox (
    gid TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    body TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    owner TEXT NOT NULL,
    refusals INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS branchwire_outbox_due ON branchwire_outbox (state, due_ms);
