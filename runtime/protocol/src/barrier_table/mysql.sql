CREATE DATABASE IF NOT EXISTS dtm_barrier DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS dtm_barrier.barrier (
    id BIGINT PRIMARY KEY AUTO_INCREMENT,
    trans_type VARCHAR(45) DEFAULT '',
    gid VARCHAR(128) DEFAULT '',
    branch_id VARCHAR(128) DEFAULT '',
    op VARCHAR(45) DEFAULT '',
    barrier_id VARCHAR(45) DEFAULT '',
    reason VARCHAR(45) DEFAULT '',
    create_time DATETIME DEFAULT NOW(),
    update_time DATETIME DEFAULT NOW(),
    KEY (create_time),
    KEY (update_time),
    UNIQUE KEY uniq_barrier (gid, branch_id, op, barrier_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS dtm_barrier.branchwire_kept (
    gid VARCHAR(128) NOT NULL,
    branch_id VARCHAR(128) NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (gid, branch_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
