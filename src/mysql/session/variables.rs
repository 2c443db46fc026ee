//! Every session variable of MySQL 9.7 and MariaDB 10.11, with what we do about it and why.

use super::Decision::{self, AtLeast, Harmless, Limit, LockWait, OneOf, Pinned};

/// Names in order, with their decision. Those without a reason are about speed, memory, the
/// server's own logs, replication, or statements that sluicegate does not use.
#[rustfmt::skip]
pub const VARIABLES: &[(&str, Decision)] = &[
    ("alter_algorithm", Harmless), // the migrations state what matters
    ("analyze_max_length", Harmless),
    ("analyze_sample_percentage", Harmless),
    ("aria_repair_threads", Harmless),
    ("aria_sort_buffer_size", Harmless),
    ("aria_stats_method", Harmless),
    ("auto_increment_increment", Harmless), // ids are internal
    ("auto_increment_offset", Harmless), // ids are internal
    ("autocommit", Pinned("ON")), // each statement outside a transaction counts at once
    ("big_tables", Harmless), // only speed
    ("binlog_alter_two_phase", Harmless),
    ("binlog_annotate_row_events", Harmless),
    ("binlog_direct_non_transactional_updates", Harmless),
    ("binlog_format", OneOf(&["ROW", "MIXED"])), // READ COMMITTED cannot write a statement binlog (1665)
    ("binlog_row_image", Harmless), // only replicas read it
    ("binlog_row_value_options", Harmless),
    ("binlog_rows_query_log_events", Harmless),
    ("binlog_transaction_compression", Harmless),
    ("binlog_transaction_compression_level_zstd", Harmless),
    ("block_encryption_mode", Harmless),
    ("bulk_insert_buffer_size", Harmless),
    ("character_set_client", Pinned("binary")), // the server reads statement text as bytes, which saves a tenth of its time
    ("character_set_connection", Pinned("utf8mb4")), // literals are UTF-8
    ("character_set_database", Harmless), // the migrations state theirs
    ("character_set_filesystem", Harmless),
    ("character_set_results", Pinned("utf8mb4")), // names and ids come back as UTF-8
    ("character_set_server", Harmless), // the migrations state theirs
    ("check_constraint_checks", Pinned("ON")), // a CHECK of the user's own counts
    ("collation_connection", Pinned("utf8mb4_general_ci")), // follows its character set; columns bring their own
    ("collation_database", Harmless), // columns bring their own
    ("collation_server", Harmless), // columns bring their own
    ("column_compression_threshold", Harmless),
    ("column_compression_zlib_level", Harmless),
    ("column_compression_zlib_strategy", Harmless),
    ("column_compression_zlib_wrap", Harmless),
    ("completion_type", Pinned("NO_CHAIN")), // COMMIT neither opens the next transaction nor hangs up
    ("connection_memory_chunk_size", Harmless),
    ("connection_memory_limit", Limit),
    ("cte_max_recursion_depth", Harmless), // not used
    ("deadlock_search_depth_long", Harmless),
    ("deadlock_search_depth_short", Harmless),
    ("deadlock_timeout_long", Harmless),
    ("deadlock_timeout_short", Harmless),
    ("default_collation_for_utf8mb4", Harmless), // columns bring their own
    ("default_master_connection", Harmless),
    ("default_regex_flags", Harmless),
    ("default_storage_engine", Pinned("InnoDB")), // the list of migrations is as safe as the tables
    ("default_table_encryption", Harmless),
    ("default_tmp_storage_engine", Harmless), // no temporary tables
    ("default_week_format", Harmless),
    ("div_precision_increment", Harmless), // nothing is divided
    ("enable_cascade_triggers", Harmless),
    ("enable_secondary_engine_statistics", Harmless),
    ("end_markers_in_json", Harmless),
    ("enforce_storage_engine", Harmless), // a migration fails (1286), and says so
    ("eq_range_index_dive_limit", Harmless),
    ("error_count", Harmless),
    ("expensive_subquery_limit", Harmless),
    ("explain_format", Harmless),
    ("explain_json_format_version", Harmless),
    ("explicit_defaults_for_timestamp", Harmless), // the migrations state every default
    ("external_table_secondary_storage_engine", Harmless),
    ("external_table_storage_engine", Harmless),
    ("external_user", Harmless),
    ("foreign_key_checks", Pinned("ON")), // a foreign key of the user's own counts
    ("generated_random_password_length", Harmless),
    ("global_connection_memory_tracking", Harmless),
    ("group_concat_max_len", Harmless), // not used
    ("group_replication_consistency", Harmless),
    ("gtid_domain_id", Harmless), // replication
    ("gtid_next", Harmless), // only a replica's or an operator's session sets it
    ("gtid_owned", Harmless),
    ("gtid_seq_no", Harmless),
    ("histogram_generation_max_mem_size", Harmless),
    ("histogram_size", Harmless),
    ("histogram_type", Harmless),
    ("identity", Harmless),
    ("idle_readonly_transaction_timeout", Pinned("0")), // a transaction waits while the next statement is built
    ("idle_transaction_timeout", Pinned("0")),
    ("idle_write_transaction_timeout", Pinned("0")),
    ("immediate_server_version", Harmless),
    ("in_predicate_conversion_threshold", Pinned("0")), // a list of ids stays a list, looked up by key
    ("in_transaction", Harmless),
    ("information_schema_stats_expiry", Pinned("0")), // the schema is read as it is now
    ("innodb_compression_default", Harmless),
    ("innodb_ddl_buffer_size", Harmless),
    ("innodb_ddl_threads", Harmless),
    ("innodb_default_encryption_key_id", Harmless),
    ("innodb_ft_enable_stopword", Harmless),
    ("innodb_ft_user_stopword_table", Harmless),
    ("innodb_lock_wait_timeout", LockWait), // for rows
    ("innodb_parallel_read_threads", Harmless),
    ("innodb_snapshot_isolation", Harmless), // READ COMMITTED has none
    ("innodb_strict_mode", Harmless), // for CREATE TABLE, which states its row format
    ("innodb_table_locks", Harmless),
    ("innodb_tmpdir", Harmless),
    ("insert_id", Harmless), // ids are internal
    ("interactive_timeout", Limit),
    ("internal_tmp_mem_storage_engine", Harmless),
    ("join_buffer_size", Harmless),
    ("join_buffer_space_limit", Harmless),
    ("join_cache_level", Harmless),
    ("keep_files_on_create", Harmless),
    ("last_gtid", Harmless),
    ("last_insert_id", Harmless), // not read from here
    ("lc_messages", Pinned("en_US")), // columns are found in messages by their English form
    ("lc_time_names", Harmless),
    ("lock_wait_timeout", LockWait), // for tables
    ("log_disabled_statements", Harmless),
    ("log_queries_not_using_indexes", Harmless),
    ("log_slow_admin_statements", Harmless),
    ("log_slow_disabled_statements", Harmless),
    ("log_slow_filter", Harmless),
    ("log_slow_max_warnings", Harmless),
    ("log_slow_min_examined_row_limit", Harmless),
    ("log_slow_query", Harmless),
    ("log_slow_query_time", Harmless),
    ("log_slow_rate_limit", Harmless),
    ("log_slow_slave_statements", Harmless),
    ("log_slow_verbosity", Harmless),
    ("log_warnings", Harmless),
    ("long_query_time", Harmless),
    ("low_priority_updates", Harmless), // InnoDB has none
    ("max_allowed_packet", Limit),
    ("max_delayed_threads", Harmless),
    ("max_error_count", Harmless), // warnings are not read
    ("max_execution_time", Pinned("0")), // flush.statement_timeout is the limit
    ("max_heap_table_size", Limit),
    ("max_insert_delayed_threads", Harmless),
    ("max_join_size", Harmless), // see sql_big_selects
    ("max_length_for_sort_data", Harmless),
    ("max_points_in_geometry", Harmless),
    ("max_recursive_iterations", Harmless), // not used
    ("max_relay_log_size", Harmless),
    ("max_rowid_filter_size", Harmless),
    ("max_seeks_for_key", Harmless),
    ("max_session_mem_used", Limit),
    ("max_sort_length", AtLeast(1024)), // names are sorted by all of their characters
    ("max_sp_recursion_depth", Harmless),
    ("max_statement_time", Pinned("0.000000")), // flush.statement_timeout is the limit
    ("max_tmp_tables", Limit),
    ("max_user_connections", Limit),
    ("min_examined_row_limit", Harmless),
    ("mrr_buffer_size", Harmless),
    ("myisam_repair_threads", Harmless),
    ("myisam_sort_buffer_size", Harmless),
    ("myisam_stats_method", Harmless),
    ("net_buffer_length", Harmless),
    ("net_read_timeout", Limit),
    ("net_retry_count", Harmless),
    ("net_write_timeout", Limit),
    ("note_verbosity", Harmless),
    ("old", Harmless),
    ("old_alter_table", Harmless),
    ("old_mode", Harmless),
    ("old_passwords", Harmless),
    ("optimizer_adjust_secondary_key_costs", Harmless),
    ("optimizer_extra_pruning_depth", Harmless),
    ("optimizer_join_limit_pref_ratio", Harmless),
    ("optimizer_max_sel_arg_weight", Harmless),
    ("optimizer_max_sel_args", Harmless),
    ("optimizer_max_subgraph_pairs", Harmless),
    ("optimizer_prune_level", Harmless),
    ("optimizer_search_depth", Harmless),
    ("optimizer_selectivity_sampling_limit", Harmless),
    ("optimizer_switch", Harmless), // statements name their index
    ("optimizer_trace", Harmless),
    ("optimizer_trace_features", Harmless),
    ("optimizer_trace_limit", Harmless),
    ("optimizer_trace_max_mem_size", Harmless),
    ("optimizer_trace_offset", Harmless),
    ("optimizer_use_condition_selectivity", Harmless),
    ("original_commit_timestamp", Harmless),
    ("original_server_version", Harmless),
    ("parser_max_mem_size", Limit),
    ("preload_buffer_size", Harmless),
    ("print_identified_with_as_hex", Harmless),
    ("profiling", Harmless),
    ("profiling_history_size", Harmless),
    ("progress_report_time", Harmless),
    ("proxy_user", Harmless),
    ("pseudo_replica_mode", Harmless),
    ("pseudo_slave_mode", Harmless),
    ("pseudo_thread_id", Harmless),
    ("query_alloc_block_size", Harmless),
    ("query_cache_strip_comments", Harmless),
    ("query_cache_type", Harmless), // the server drops cached results that have changed
    ("query_cache_wlock_invalidate", Harmless),
    ("query_prealloc_size", Harmless),
    ("rand_seed1", Harmless), // nothing is random
    ("rand_seed2", Harmless),
    ("range_alloc_block_size", Harmless),
    ("range_optimizer_max_mem_size", Pinned("8388608")), // a list of ids is looked up by key
    ("rbr_exec_mode", Harmless),
    ("read_buffer_size", Harmless),
    ("read_rnd_buffer_size", Harmless),
    ("require_row_format", Harmless), // only for replicas
    ("restrict_fk_on_non_standard_key", Harmless),
    ("resultset_metadata", Harmless), // only for clients that ask
    ("rowid_merge_buff_size", Harmless),
    ("secondary_engine_cost_threshold", Harmless),
    ("select_into_buffer_size", Harmless),
    ("select_into_disk_sync", Harmless),
    ("select_into_disk_sync_delay", Harmless),
    ("server_id", Harmless), // replication
    ("session_track_gtids", Harmless), // only for clients that ask
    ("session_track_schema", Harmless),
    ("session_track_state_change", Harmless),
    ("session_track_system_variables", Harmless),
    ("session_track_transaction_info", Harmless),
    ("set_operations_buffer_size", Harmless),
    ("show_create_table_skip_secondary_engine", Harmless),
    ("show_create_table_verbosity", Harmless),
    ("show_gipk_in_create_table_and_information_schema", Harmless),
    ("skip_parallel_replication", Harmless),
    ("skip_replication", Harmless), // the operator's choice
    ("slow_query_log", Harmless),
    ("sort_buffer_size", AtLeast(262_144)), // MariaDB's minimum is too small for a list of columns (1038)
    ("sql_auto_is_null", Pinned("OFF")), // IS NULL means NULL
    ("sql_big_selects", Pinned("ON")), // lifts max_join_size
    ("sql_buffer_result", Harmless), // only speed
    ("sql_generate_invisible_primary_key", Harmless), // every table has one
    ("sql_if_exists", Harmless), // the migrations state it
    ("sql_log_bin", Pinned("ON")), // replicas get every row
    ("sql_log_off", Harmless),
    ("sql_mode", Pinned("STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION")), // strict: a value that does not fit is an error, never cut; backslash escapes on
    ("sql_notes", Harmless), // warnings are not read
    ("sql_quote_show_create", Pinned("ON")), // names are quoted in definitions
    ("sql_require_primary_key", Harmless), // every table has one
    ("sql_safe_updates", Pinned("OFF")), // refuses statements without a key (1175)
    ("sql_select_limit", Pinned("18446744073709551615")), // cuts results short
    ("sql_slave_skip_counter", Harmless),
    ("sql_warnings", Harmless), // warnings are not read
    ("standard_compliant_cte", Harmless),
    ("statement_id", Harmless),
    ("storage_engine", Harmless), // another name of default_storage_engine
    ("system_versioning_alter_history", Harmless),
    ("system_versioning_asof", Pinned("DEFAULT")), // the present is read, not the past
    ("system_versioning_insert_history", Harmless),
    ("tcp_nodelay", Harmless),
    ("terminology_use_previous", Harmless),
    ("thread_pool_priority", Harmless),
    ("time_zone", Pinned("+00:00")), // times are UTC
    ("timestamp", Harmless), // created_at is the server's own
    ("tmp_disk_table_size", Limit),
    ("tmp_memory_table_size", Limit),
    ("tmp_table_size", Limit),
    ("transaction_alloc_block_size", Harmless),
    ("transaction_allow_batching", Harmless),
    ("transaction_isolation", Pinned("READ-COMMITTED")), // few locks, and reads see what is committed
    ("transaction_prealloc_size", Harmless),
    ("transaction_read_only", Pinned("OFF")), // refuses every write (1792)
    ("tx_isolation", Pinned("READ-COMMITTED")), // MariaDB before 11.1
    ("tx_read_only", Pinned("OFF")), // MariaDB before 11.1
    ("unique_checks", Pinned("ON")), // the keys are what makes repeated events harmless
    ("updatable_views_with_limit", Harmless), // no LIMIT in updates
    ("use_secondary_engine", Pinned("OFF")), // reads see this transaction, not a copy elsewhere
    ("use_stat_tables", Harmless),
    ("wait_timeout", Limit),
    ("warning_count", Harmless),
    ("windowing_use_high_precision", Harmless),
    ("wsrep_causal_reads", Harmless),
    ("wsrep_dirty_reads", Harmless), // a node that is not part of the cluster still refuses writes
    ("wsrep_gtid_seq_no", Harmless),
    ("wsrep_on", Harmless), // a node that is off is the operator's choice
    ("wsrep_osu_method", Harmless), // the operator's way to change tables
    ("wsrep_retry_autocommit", Harmless),
    ("wsrep_sync_wait", Harmless), // stricter reads only
    ("wsrep_trx_fragment_size", Harmless),
    ("wsrep_trx_fragment_unit", Harmless),
    ("xa_detach_on_prepare", Harmless),
];
