-- Make sure that there are partitions for the next ids.
--
-- In:  $1 how many ids ahead.
-- Out: how many partitions were created.
select toril.create_partitions((select last_value from toril.job_ids) + $1::bigint)
