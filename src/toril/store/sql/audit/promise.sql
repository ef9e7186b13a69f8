-- Promise once more to tell Redis about jobs that are queued, at once.
--
-- In:  $1 ids.
-- Out: the ids of those that were promised. Dated back by the time that is left to others, as nobody pushes them.
insert into toril.outbox (job_id, generation, push_at)
select j.id, j.generation, now() - interval '2 seconds'
from toril.jobs j join unnest($1::bigint[]) as missing (id) on j.id = missing.id
where case j.state when 'queued' then true else false end
on conflict (job_id, generation) do nothing
returning job_id
