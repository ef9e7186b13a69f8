-- Forget idempotency keys whose time is over.
--
-- In:  $1 how many at most.
-- Out: those that were forgotten. A key that somebody is using this moment is left for the next time.
delete from toril.idempotency_keys k
where k.key = any(array(select key from toril.idempotency_keys where expires_at <= now()
                        order by expires_at limit $1 for update skip locked))
returning k.key
