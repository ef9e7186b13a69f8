-- Take jobs back from workers (events rescue and interrupt: active → queued; poison: active → failed).
--
-- In:  $1 how many at most; $2 worker, or null for every worker that is not alive; $3 what the history calls it:
--      `crashed` counts towards max_crashes, `interrupted` is free; $4 and $5 ids and attempts that $2 still
--      holds: they are left alone.
-- Out: the jobs, with what Redis needs to be told of those that were queued again.
with taken as (
    select j.id, j.attempt, $3 = 'crashed' and j.crashes + 1 >= j.max_crashes as poisoned
    from toril.jobs j
    where j.state = 'active' and j.standing = 0
      -- All queues, named so that this is a probe of jobs_by_queue for each: active jobs are few.
      and j.queue = any(array(select queue from toril.counts union select queue from toril.count_deltas))
      and case when $2::uuid is null
               then not exists (select from toril.workers w
                                where w.id = j.worker and w.state in ('running', 'draining'))
               else j.worker = $2
                    and not exists (select from unnest($4::bigint[], $5::int[]) as held (id, attempt)
                                    where held.id = j.id and held.attempt = j.attempt) end
    limit $1
), changed as (
    update toril.jobs j
    set state = case when poisoned then 'failed' else 'queued' end::toril.job_state,
        crashes = j.crashes + ($3 = 'crashed')::int,
        interruptions = j.interruptions + ($3 = 'interrupted')::int,
        generation = j.generation + (not poisoned)::int,
        queued_at = case when poisoned then j.queued_at else now() end,
        run_at = case when poisoned then j.run_at else now() end,
        finished_at = case when poisoned then now() end
    from taken
    where j.id = taken.id and case j.state when 'active' then j.attempt = taken.attempt else false end
    returning j.*, taken.poisoned
), remembered as (
    insert into toril.job_attempts (job_id, attempt, outcome, started_at, finished_at, worker, error_kind,
                                    error_message)
    select id, attempt, $3, started_at, now(), worker,
           case when poisoned then 'Poison' when $3 = 'crashed' then 'WorkerLost' end,
           case when poisoned then format('its worker died under it %s times, as often as max_crashes allows', crashes)
                when $3 = 'crashed' then 'its worker stopped responding' end
    from changed
), promised as (
    insert into toril.outbox (job_id, generation, push_at)
    select id, generation, now() from changed where not poisoned
), counted as (
    insert into toril.count_deltas (queue, status, n)
    select queue, 'active', -count(*) from changed group by 1
    union all
    select queue, toril.counted_as(state, standing), count(*) from changed group by 1, 2
)
select id, state::text, generation, queue, name, priority, max_attempts, failures, payload::text, attempt,
       case when standing > 0 then ceil(extract(epoch from run_at) * 1000) else 0 end::bigint as due_ms,
       (extract(epoch from created_at) * 1000)::bigint as created_ms
from changed
