-- List jobs of every queue and status, newest first: one backward scan of the primary key.
--
-- In: $1 only ids below this, $2 rows at most, $3 whether to include payloads and results.
select j.id, j.queue, j.name, j.state::text, j.run_at <= now() as due, j.priority,
       case when $3 then j.payload::text end as payload, case when $3 then j.result::text end as result,
       j.progress::text, j.attempt, j.failures, j.crashes, j.interruptions, j.max_attempts, j.max_crashes,
       j.timeout, j.backoff::text, j.created_at, j.queued_at, j.run_at, j.started_at, j.finished_at,
       w.host || ':' || w.pid as worker, a.error_kind, a.error_message
from (
    select * from toril.jobs where id < $1 order by id desc limit $2
) j
left join toril.workers w on w.id = j.worker
left join lateral (
    select error_kind, error_message from toril.job_attempts
    where job_id = j.id and error_kind is not null order by attempt desc limit 1
) a on j.failures + j.crashes > 0
order by j.id desc
