-- Tell apart why an outcome did not match: already written by this very attempt, or lost to another.
--
-- In:  $1 ids, $2 attempts.
-- Out: the ids whose recorded end is this attempt's own (the answer of an earlier write was lost on the way, or the
--      handler has completed the job itself), whether that is a completion, and with which result.
select o.id, j.state = 'completed' and j.attempt = o.attempt as completed, j.result::text
from unnest($1::bigint[], $2::int[]) as o (id, attempt)
join toril.jobs j on j.id = o.id
where case when j.state in ('completed', 'failed', 'cancelled') then j.attempt = o.attempt end
   or exists (select from toril.job_attempts a
              where a.job_id = o.id and a.attempt = o.attempt and a.outcome <> 'crashed')
