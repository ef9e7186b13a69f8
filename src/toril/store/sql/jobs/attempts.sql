-- Read the newest attempts of a job that did not complete, oldest of them first.
--
-- In: $1 id, $2 how many at most.
select * from (
    select a.attempt, a.outcome, a.started_at, a.finished_at, w.host || ':' || w.pid as worker, a.error_kind,
           a.error_message, a.stack
    from toril.job_attempts a left join toril.workers w on w.id = a.worker
    where a.job_id = $1 order by a.attempt desc limit $2
) newest order by attempt
