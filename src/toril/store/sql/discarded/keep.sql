-- Keep outcomes that came too late, in the order of the input.
--
-- In: $1 job ids, $2 attempts, $3 workers, $4 events, $5 results, $6 error kinds, $7 error messages.
insert into toril.discarded_outcomes (job_id, attempt, worker, event, result, error_kind, error_message)
select o.job_id, o.attempt, o.worker, o.event, o.result, o.error_kind, o.error_message
from unnest($1::bigint[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
     with ordinality as o (job_id, attempt, worker, event, result, error_kind, error_message, ord)
order by o.ord
