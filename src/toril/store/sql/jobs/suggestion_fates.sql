-- Tell why suggestions were not claimed.
--
-- In:  $1 ids.
-- Out: for each id that exists: its state, and what Redis needs to be told again.
select j.id, j.state::text, j.generation, j.queue, j.name, j.priority,
       case when j.standing > 0 then ceil(extract(epoch from j.run_at) * 1000) else 0 end::bigint as due_ms,
       (extract(epoch from j.created_at) * 1000)::bigint as created_ms,
       j.max_attempts, j.failures, j.payload::text
from toril.jobs j join unnest($1::bigint[]) as suggested (id) on j.id = suggested.id
