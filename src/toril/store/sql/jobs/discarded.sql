-- Read the newest outcomes of a job that came too late, newest first.
--
-- In: $1 id, $2 how many at most.
select d.attempt, d.at, w.host || ':' || w.pid as worker, d.event, d.result, d.error_kind, d.error_message
from toril.discarded_outcomes d left join toril.workers w on w.id = d.worker
where d.job_id = $1 order by d.id desc limit $2
