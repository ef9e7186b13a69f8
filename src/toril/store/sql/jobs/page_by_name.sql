-- List jobs of one name in some places of the life cycle, newest first: one short index scan for each place.
--
-- In: $1 only ids below this, $2 rows at most, $3 whether to include payloads and results, $4 name, $5 queue or null,
--     $6 and $7 the places, $8 and $9 as $7 and $8 of page_by_queue.sql.
select j.id, j.queue, j.name, j.state::text, j.run_at <= now() as due, j.priority,
       case when $3 then j.payload::text end as payload, case when $3 then j.result::text end as result,
       j.progress::text, j.attempt, j.failures, j.crashes, j.interruptions, j.max_attempts, j.max_crashes,
       j.timeout, j.backoff::text, j.created_at, j.queued_at, j.run_at, j.started_at, j.finished_at,
       w.host || ':' || w.pid as worker, a.error_kind, a.error_message
from (
    select * from (
        select found.*
        from unnest($6::text[], $7::smallint[]) as place (state, standing)
        cross join lateral (
            select * from toril.jobs
            where name = $4 and state = place.state::toril.job_state and standing = place.standing
              and id < $1 and ($5::text is null or queue = $5) and ($8 or run_at > now())
            order by id desc limit $2
        ) found
        union all
        select overdue.*
        from (select * from toril.jobs where standing > 0 and run_at <= now() offset 0) overdue
        where $9 and overdue.id < $1 and overdue.name = $4 and ($5::text is null or overdue.queue = $5)
    ) both_kinds
    order by id desc limit $2
) j
left join toril.workers w on w.id = j.worker
left join lateral (
    select error_kind, error_message from toril.job_attempts
    where job_id = j.id and error_kind is not null order by attempt desc limit 1
) a on j.failures + j.crashes > 0
order by j.id desc
