CREATE TABLE IF NOT EXISTS branchwire_outbox (
    gid VARCHAR(128) PRIMARY KEY,
    state VARCHAR(16) NOT NULL,
    `body` MEDIUMTEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    owner VARCHAR(64) NOT NULL,
    refusals INT NOT NULL DEFAULT 0,
    reason VARCHAR(512) NOT NULL DEFAULT '',
    seen TINYINT NOT NULL DEFAULT 0,
    KEY branchwire_outbox_due (state, due_ms)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
