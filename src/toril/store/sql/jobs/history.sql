-- Read one job with all its columns.
--
-- In: $1 id.
select j.id, j.queue, j.name, j.state::text, j.run_at <= now() as due, j.priority, j.payload::text,
       j.result::text, j.progress::text, j.attempt, j.failures, j.crashes, j.interruptions, j.max_attempts,
       j.max_crashes, j.timeout, j.backoff::text, j.created_at, j.queued_at, j.run_at, j.started_at,
       j.finished_at, w.host || ':' || w.pid as worker, a.error_kind, a.error_message
from toril.jobs j
left join toril.workers w on w.id = j.worker
left join lateral (
    select error_kind, error_message from toril.job_attempts
    where job_id = j.id and error_kind is not null order by attempt desc limit 1
) a on true
where j.id = $1
