-- DTM's table and column names; times are milliseconds since the Unix epoch.
CREATE TABLE trans_global (
    id INTEGER PRIMARY KEY,
    gid TEXT NOT NULL UNIQUE,
    trans_type TEXT NOT NULL,
    status TEXT NOT NULL,
    query_prepared TEXT NOT NULL,
    protocol TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    finish_time INTEGER,
    rollback_time INTEGER,
    options TEXT NOT NULL,
    custom_data TEXT NOT NULL,
    next_cron_interval INTEGER NOT NULL,
    next_cron_time INTEGER NOT NULL,
    owner TEXT NOT NULL,
    ext_data TEXT NOT NULL,
    result TEXT NOT NULL DEFAULT '',
    rollback_reason TEXT NOT NULL DEFAULT ''
) STRICT;

-- What is due is found without looking at what has ended, however much that is. Two words are compared one after the other;
-- for three SQLite would make a table in memory, for each row that is written.
CREATE INDEX trans_global_due ON trans_global (next_cron_time)
    WHERE status NOT IN ('succeed', 'failed');

-- For `all`: the failed among very many that succeeded, and those of a pattern. (A time is a range of ids.)
CREATE INDEX trans_global_failed ON trans_global (id) WHERE status = 'failed';
CREATE INDEX trans_global_pattern ON trans_global (trans_type);

CREATE TABLE trans_branch_op (
    gid TEXT NOT NULL,
    branch_id TEXT NOT NULL,
    op TEXT NOT NULL,
    url TEXT NOT NULL,
    bin_data BLOB NOT NULL,
    status TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    finish_time INTEGER,
    rollback_time INTEGER,
    -- Grows with each branch that its transaction gets.
    position INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (gid, branch_id, op)
) STRICT, WITHOUT ROWID;

CREATE TABLE kv (
    id INTEGER PRIMARY KEY,
    cat TEXT NOT NULL,
    k TEXT NOT NULL,
    v TEXT NOT NULL,
    version INTEGER NOT NULL,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    UNIQUE (cat, k)
) STRICT;
