-- Promise again to tell Redis about queued jobs, a bounded number at a time, in the order of their ids.
--
-- In:  $1 queue, $2 standing, $3 only ids above this, $4 how many at most, $5 horizon (s, as in insert.sql).
-- Out: the jobs in that order, with what Redis needs to be told, and whether it is to be told now.
--
-- The rows are left to the caller for the usual time, who tells Redis at once and in this order; after that the
-- relays find them. A job that is claimed meanwhile makes its row void.
with waiting as (
    select *, greatest(now(), run_at - make_interval(secs => $5::float8)) as push_at
    from toril.jobs
    where queue = $1 and state = 'queued' and standing = $2 and id > $3
    order by id limit $4
), promised as (
    insert into toril.outbox (job_id, generation, push_at) select id, generation, push_at from waiting
    on conflict (job_id, generation) do nothing
)
select push_at <= now() as soon, id, generation, queue, name, priority, max_attempts, failures, payload::text,
       case when standing > 0 then ceil(extract(epoch from run_at) * 1000) else 0 end::bigint as due_ms,
       (extract(epoch from created_at) * 1000)::bigint as created_ms
from waiting order by id
