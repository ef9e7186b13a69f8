-- Record new jobs and promise to tell Redis about them: the commit of this statement is the promise to the caller.
--
-- In:  parallel arrays, one element a job: queue, name, payload, priority, delay (s), run_at, max_attempts,
--      max_crashes, timeout (s), backoff;  $11 horizon (s): how early Redis is told of a job that is due later.
-- Out: one row a job with its position in the input (`ord`, from 1), id, and the Unix times in ms at which it
--      was queued and is due (0: at once). Ids ascend in the order of the input.
with input as materialized (
    -- One evaluation of nextval per row, in the order of the input, before anything sorts or joins it.
    select nextval('toril.job_ids') as id, new.*, now() as queued_at, due_at,
           toril.standing(now(), due_at, 0) as standing
    from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::float8[], $6::timestamptz[], $7::int[],
                $8::int[], $9::float8[], $10::text[])
         with ordinality as new (queue, name, payload, priority, delay, at, max_attempts, max_crashes,
                                 timeout, backoff, ord)
    cross join lateral (
        select greatest(now(), coalesce(new.at, now() + make_interval(secs => new.delay))) as due_at
    ) as due
), inserted as (
    insert into toril.jobs (id, queue, name, payload, priority, created_at, queued_at, run_at, standing,
                            max_attempts, max_crashes, timeout, backoff)
    select id, queue, name, payload::jsonb, priority, queued_at, queued_at, due_at, standing,
           max_attempts, max_crashes, timeout, backoff::jsonb
    from input
), promised as (
    insert into toril.outbox (job_id, generation, push_at)
    select id, 1, greatest(queued_at, due_at - make_interval(secs => $11::float8)) from input
), counted as (
    insert into toril.count_deltas (queue, status, due, n)
    select queue, toril.counted_as('queued', standing), toril.counted_until(standing, due_at), count(*)
    from input group by 1, 2, 3
)
select ord, id, (extract(epoch from queued_at) * 1000)::bigint as created_ms,
       case when standing > 0 then ceil(extract(epoch from due_at) * 1000) else 0 end::bigint as due_ms
from input
