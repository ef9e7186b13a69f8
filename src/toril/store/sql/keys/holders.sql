-- Find the jobs that hold unique keys; the keys have been locked (lock_unique.sql).
--
-- In:  $1 job names, $2 keys.
-- Out: each key that is held, by which job, and that job's state, whether it is due, and its failures (null for
--      a job that is gone; its key may be held for a time all the same). Due by the clock, because the
--      transaction may have begun before the job was there.
select u.name, u.key, u.job_id, j.state::text, j.run_at <= clock_timestamp() as due, j.failures
from unnest($1::text[], $2::text[]) as wanted (name, key)
join toril.unique_keys u on u.name = wanted.name and u.key = wanted.key
left join toril.jobs j on j.id = u.job_id
where toril.holds(u.job_id, u.held, u.expires_at)
