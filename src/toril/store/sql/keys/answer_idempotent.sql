-- Note what was answered to the submits that took idempotency keys.
--
-- In: $1 keys, $2 job ids, $3 statuses.
update toril.idempotency_keys k set job_id = answer.job_id, status = answer.status
from unnest($1::text[], $2::bigint[], $3::text[]) as answer (key, job_id, status)
where k.key = answer.key
