-- Read which Redis was filled last.
select run_id, mark from toril.redis_epoch
