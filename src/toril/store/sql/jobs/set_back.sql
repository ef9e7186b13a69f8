-- Record attempts that did not complete (events fail, retry, snooze, interrupt, cancel), fenced as in complete.sql.
--
-- In:  parallel arrays: $1 id, $2 attempt, $3 new state, $4 delay until due again (s), $5 whether it counts as a
--      failure, $6 what the history calls it, $7 error kind, $8 error message, $9 stack;
--      $10 horizon (s, as in insert.sql).
-- Out: the jobs that matched, with what Redis needs to be told of those that were queued again.
with input as (
    select * from unnest($1::bigint[], $2::int[], $3::text[], $4::float8[], $5::boolean[], $6::text[], $7::text[],
                         $8::text[], $9::text[])
             as outcome (id, attempt, state, delay, counts, outcome, error_kind, error_message, stack)
), changed as (
    update toril.jobs j
    set state = o.state::toril.job_state,
        failures = j.failures + o.counts::int,
        interruptions = j.interruptions + (o.outcome = 'interrupted')::int,
        queued_at = case o.state when 'queued' then now() else j.queued_at end,
        run_at = case o.state when 'queued' then now() + make_interval(secs => o.delay) else j.run_at end,
        standing = case o.state when 'queued' then toril.standing(now(), now() + make_interval(secs => o.delay),
                                                                  j.failures + o.counts::int) else 0 end,
        generation = j.generation + (o.state = 'queued')::int,
        finished_at = case o.state when 'queued' then null else now() end
    from input o
    where j.id = o.id and case j.state when 'active' then j.attempt = o.attempt else false end
    returning j.*, o.outcome, o.error_kind, o.error_message, o.stack
), remembered as (
    insert into toril.job_attempts (job_id, attempt, outcome, started_at, finished_at, worker, error_kind,
                                    error_message, stack)
    select id, attempt, outcome, started_at, now(), worker, error_kind, error_message, stack from changed
), promised as (
    insert into toril.outbox (job_id, generation, push_at)
    select id, generation, greatest(now(), run_at - make_interval(secs => $10::float8))
    from changed where state = 'queued'
), counted as (
    insert into toril.count_deltas (queue, status, due, n)
    select queue, 'active', null, -count(*) from changed group by 1
    union all
    select queue, toril.counted_as(state, standing), toril.counted_until(standing, run_at), count(*)
    from changed group by 1, 2, 3
)
select id, state::text, generation, queue, name, priority, max_attempts, failures, payload::text,
       case when standing > 0 then ceil(extract(epoch from run_at) * 1000) else 0 end::bigint as due_ms,
       (extract(epoch from created_at) * 1000)::bigint as created_ms
from changed
