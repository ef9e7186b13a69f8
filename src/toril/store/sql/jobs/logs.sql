-- Read the newest log lines of a job, oldest of them first.
--
-- In: $1 id, $2 how many at most.
select attempt, at, level, message from (
    select id, attempt, at, level, message from toril.job_logs where job_id = $1 order by id desc limit $2
) newest order by id
