-- Put promises off that can't be kept now, so that they are not in the way of the others.
--
-- In:  $1 job ids, $2 generations, $3 seconds from now.
update toril.outbox o set push_at = now() + make_interval(secs => $3::float8)
from unnest($1::bigint[], $2::int[]) as refused (job_id, generation)
where o.job_id = refused.job_id and o.generation = refused.generation
