//! Faults that people met in the field: one file each, named by its number.

mod f01_commit_then_no;
mod f02_failover;
mod f03_pgbouncer;
mod f04_nested_sqlite;
mod f05_any_server;
mod f06_service_binlog;
mod f06_statement_binlog;
mod f06_tables;
mod f07_starvation;
mod f08_not_readable;
mod f09_payload_limit;
mod f10_floats;
mod f12_guard;
mod f14_pooled_services;
mod f17_redirect;
mod f21_memory_sqlite;
mod repeated_gid;
