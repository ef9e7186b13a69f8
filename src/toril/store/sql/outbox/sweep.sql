-- Find promises that stayed behind, oldest first, and lock them for this transaction.
--
-- In:  $1 how many at most, $2 seconds for which a promise is left to the process that made it.
-- Out: the rows, with what Redis is to be told, or a null `queue` where the promise is void: the job is gone,
--      is no longer queued, or was queued again since.
select o.job_id as id, o.generation, j.queue, j.name, j.priority, j.max_attempts, j.failures, j.payload::text,
       case when j.standing > 0 then ceil(extract(epoch from j.run_at) * 1000) else 0 end::bigint as due_ms,
       (extract(epoch from j.created_at) * 1000)::bigint as created_ms
from (
    select * from toril.outbox
    where push_at <= now() - make_interval(secs => $2::float8)
    order by push_at, job_id limit $1
    for update skip locked
) o
left join toril.jobs j
       on j.id = o.job_id and case j.state when 'queued' then j.generation = o.generation else false end
order by o.push_at, o.job_id
