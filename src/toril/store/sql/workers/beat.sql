-- Move a worker's beat.
--
-- In:  $1 id, $2 `running` or `draining`.
-- Out: the Unix time in seconds, or no row when the worker has been declared lost meanwhile.
update toril.workers set beat = beat + 1, seen_at = now(), state = $2
where id = $1 and state in ('running', 'draining') returning extract(epoch from clock_timestamp())::float8 as unix
