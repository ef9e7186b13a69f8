-- Append log lines, in the order of the input.
--
-- In: $1 job ids, $2 attempts, $3 times, $4 levels, $5 messages.
insert into toril.job_logs (job_id, attempt, at, level, message)
select line.job_id, line.attempt, line.at, line.level, line.message
from unnest($1::bigint[], $2::int[], $3::timestamptz[], $4::text[], $5::text[])
     with ordinality as line (job_id, attempt, at, level, message, ord)
order by line.ord
