-- Stop leading a duty, so that another may at once.
--
-- In: $1 duty, $2 holder.
delete from toril.leases where duty = $1 and holder = $2
