-- Record the newest progress of running jobs, fenced by (id, attempt, active).
--
-- In: $1 ids, $2 attempts, $3 progress (JSON text).
update toril.jobs j set progress = noted.progress::jsonb
from unnest($1::bigint[], $2::int[], $3::text[]) as noted (id, attempt, progress)
where j.id = noted.id and case j.state when 'active' then j.attempt = noted.attempt else false end
