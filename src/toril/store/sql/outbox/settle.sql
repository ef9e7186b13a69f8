-- Keep promises: forget outbox rows whose jobs Redis has been told about.
--
-- In:  $1 job ids, $2 generations.
delete from toril.outbox o
using unnest($1::bigint[], $2::int[]) as told (job_id, generation)
where o.job_id = told.job_id and o.generation = told.generation
