-- Give back idempotency keys whose submits were refused, so that they may be used again.
--
-- In: $1 keys.
delete from toril.idempotency_keys k using unnest($1::text[]) as refused (key) where k.key = refused.key
