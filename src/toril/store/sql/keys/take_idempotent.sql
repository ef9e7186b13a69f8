-- Take idempotency keys, or see what was done with them; locks them until the end of the transaction.
--
-- In:  $1 keys, $2 fingerprints of what is asked for, $3 seconds for which a key is kept.
-- Out: each key with its fingerprint, and the job and status that were answered; these are null for a key that
--      is new or had expired, and belongs to this transaction now.
--
-- The update that changes nothing is there to wait for whoever has the key, and to read what they committed:
-- a plain select would see the row as it was when this statement began. Sorted, so that two batches lock in the
-- same order.
insert into toril.idempotency_keys as k (key, fingerprint, expires_at)
select key, fingerprint, now() + make_interval(secs => $3::float8)
from unnest($1::text[], $2::text[]) as taken (key, fingerprint)
order by key
on conflict (key) do update
set fingerprint = case when k.expires_at <= now() then excluded.fingerprint else k.fingerprint end,
    job_id = case when k.expires_at <= now() then null else k.job_id end,
    status = case when k.expires_at <= now() then null else k.status end,
    expires_at = case when k.expires_at <= now() then excluded.expires_at else k.expires_at end
returning key, fingerprint, job_id, status
