-- Move a worker's beat.
--
-- In:  $1 id, $2 `running` or `draining`.
-- Out: a row, or none when the worker has been declared lost meanwhile.
update toril.workers set beat = beat + 1, seen_at = now(), state = $2
where id = $1 and state in ('running', 'draining') returning beat
