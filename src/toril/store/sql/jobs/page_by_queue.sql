-- List jobs of some queues in some places of the life cycle, newest first: one short index scan for each queue
-- and place.
--
-- In: $1 only ids below this, $2 rows at most, $3 whether to include payloads and results, $4 queues (null: all).
--     $5 and $6 the places, as pairs of state and standing; $7 whether these include delayed jobs whose time has
--     come; $8 whether to add those (`offset 0` has them found by jobs_due, not among all the others).
select j.id, j.queue, j.name, j.state::text, j.run_at <= now() as due, j.priority,
       case when $3 then j.payload::text end as payload, case when $3 then j.result::text end as result,
       j.progress::text, j.attempt, j.failures, j.crashes, j.interruptions, j.max_attempts, j.max_crashes,
       j.timeout, j.backoff::text, j.created_at, j.queued_at, j.run_at, j.started_at, j.finished_at,
       w.host || ':' || w.pid as worker, a.error_kind, a.error_message
from (
    select * from (
        select found.*
        from unnest(coalesce($4::text[], array(select queue from toril.counts
                                               union select queue from toril.count_deltas))) as wanted (queue)
        cross join unnest($5::text[], $6::smallint[]) as place (state, standing)
        cross join lateral (
            select * from toril.jobs
            where queue = wanted.queue and state = place.state::toril.job_state and standing = place.standing
              and id < $1 and ($7 or run_at > now())
            order by id desc limit $2
        ) found
        union all
        select overdue.*
        from (select * from toril.jobs where standing > 0 and run_at <= now() offset 0) overdue
        where $8 and overdue.id < $1 and ($4::text[] is null or overdue.queue = any($4))
    ) both_kinds
    order by id desc limit $2
) j
left join toril.workers w on w.id = j.worker
left join lateral (
    select error_kind, error_message from toril.job_attempts
    where job_id = j.id and error_kind is not null order by attempt desc limit 1
) a on j.failures + j.crashes > 0
order by j.id desc
