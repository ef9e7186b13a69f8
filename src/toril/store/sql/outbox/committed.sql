-- Find out which promises have been committed and not been kept yet.
--
-- In:  $1 job ids, $2 generations.
-- Out: those that can be seen.
select o.job_id, o.generation
from unnest($1::bigint[], $2::int[]) as made (job_id, generation)
join toril.outbox o on o.job_id = made.job_id and o.generation = made.generation
