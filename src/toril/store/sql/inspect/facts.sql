-- Read what an operator needs to know of the server.
--
-- Out: one row. `now` is the server's clock at this moment, not the transaction's start.
select current_setting('server_version') as version,
       current_setting('server_version_num')::integer as version_number,
       pg_is_in_recovery() as standby,
       current_setting('default_transaction_read_only')::boolean as read_only,
       current_setting('server_encoding') as encoding,
       current_setting('fsync')::boolean as fsync,
       current_setting('full_page_writes')::boolean as full_page_writes,
       current_setting('synchronous_commit') as synchronous_commit,
       clock_timestamp() as now
