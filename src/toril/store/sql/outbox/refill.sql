-- Promise again to tell Redis about queued jobs, a bounded number at a time, in the order of their ids.
--
-- In:  $1 queue, $2 standing, $3 only ids above this, $4 how many at most, $5 horizon (s, as in insert.sql).
-- Out: the highest id, or null when there were none, and how many there were.
--
-- The relay finds the rows at once (dated back by the time that it leaves to others), oldest job first; a job
-- that is claimed meanwhile makes its row void.
with waiting as (
    select id, generation, case standing when 0 then now() - interval '2 seconds'
                                else greatest(now(), run_at - make_interval(secs => $5::float8)) end as push_at
    from toril.jobs
    where queue = $1 and state = 'queued' and standing = $2 and id > $3
    order by id limit $4
), promised as (
    insert into toril.outbox (job_id, generation, push_at) select id, generation, push_at from waiting
    on conflict (job_id, generation) do nothing
)
select max(id) as last, count(*) as found from waiting
