-- Give unique keys to jobs, or prolong their time.
--
-- In: parallel arrays: $1 job names, $2 keys, $3 job ids, $4 for how long (`queued`, `active`, `ttl`),
--     $5 seconds from now, for `ttl`.
update toril.unique_keys u
set job_id = new.job_id, held = new.held, expires_at = now() + make_interval(secs => new.ttl)
from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::float8[]) as new (name, key, job_id, held, ttl)
where u.name = new.name and u.key = new.key
