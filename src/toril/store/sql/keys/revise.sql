-- Change queued jobs (event revise: queued → queued): what they carry, or only when they run.
--
-- In:  parallel arrays, one element a job: $1 id, $2 whether to change more than the time, $3 payload, $4 priority,
--      $5 delay (s), $6 run_at, $7 max_attempts, $8 timeout (s), $9 backoff; $10 horizon (s, as in insert.sql).
-- Out: the jobs that were still queued, with what Redis needs to be told.
--
-- A job that is only postponed never runs earlier than it would have.
with input as (
    select new.*, greatest(now(), coalesce(new.at, now() + make_interval(secs => new.delay))) as due_at
    from unnest($1::bigint[], $2::boolean[], $3::text[], $4::int[], $5::float8[], $6::timestamptz[], $7::int[],
                $8::float8[], $9::text[])
         as new (id, replaces, payload, priority, delay, at, max_attempts, timeout, backoff)
), before as (
    select j.id, j.queue, j.standing, j.run_at
    from toril.jobs j join input on input.id = j.id
    where case j.state when 'queued' then true else false end
    for update of j
), changed as (
    update toril.jobs j
    set payload = case when new.replaces then new.payload::jsonb else j.payload end,
        priority = case when new.replaces then new.priority else j.priority end,
        max_attempts = case when new.replaces then new.max_attempts else j.max_attempts end,
        timeout = case when new.replaces then new.timeout else j.timeout end,
        backoff = case when new.replaces then new.backoff::jsonb else j.backoff end,
        queued_at = now(),
        run_at = case when new.replaces then new.due_at else greatest(new.due_at, j.run_at) end,
        standing = toril.standing(now(), case when new.replaces then new.due_at
                                              else greatest(new.due_at, j.run_at) end, j.failures),
        generation = j.generation + 1
    from input new join before on before.id = new.id
    where j.id = new.id
    returning j.*
), promised as (
    insert into toril.outbox (job_id, generation, push_at)
    select id, generation, greatest(now(), run_at - make_interval(secs => $10::float8)) from changed
), counted as (
    insert into toril.count_deltas (queue, status, due, n)
    select queue, toril.counted_as('queued', standing), toril.counted_until(standing, run_at), -count(*)
    from before group by 1, 2, 3
    union all
    select queue, toril.counted_as('queued', standing), toril.counted_until(standing, run_at), count(*)
    from changed group by 1, 2, 3
)
select id, generation, queue, name, priority, max_attempts, failures, payload::text,
       case when standing > 0 then ceil(extract(epoch from run_at) * 1000) else 0 end::bigint as due_ms,
       (extract(epoch from created_at) * 1000)::bigint as created_ms
from changed
