//! Faults that people met in the field: one file each, named by its number.

mod f02_failover;
mod f03_pgbouncer;
mod f05_any_server;
mod f07_starvation;
mod f06_statement_binlog;
mod f08_not_readable;
mod f09_payload_limit;
mod f10_floats;
mod f17_redirect;
mod repeated_gid;
