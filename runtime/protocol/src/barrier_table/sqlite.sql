CREATE TABLE IF NOT EXISTS dtm_barrier_barrier (
    trans_type TEXT NOT NULL DEFAULT '',
    gid TEXT NOT NULL,
    branch_id TEXT NOT NULL,
    op TEXT NOT NULL,
    barrier_id TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (gid, branch_id, op, barrier_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS branchwire_kept (
    gid TEXT NOT NULL,
    branch_id TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (gid, branch_id)
) WITHOUT ROWID;
