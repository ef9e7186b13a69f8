-- Tell what has become of jobs that Redis holds ids of.
--
-- In:  $1 the queue in which they are, $2 ids.
-- Out: the state of each that is a job of that queue.
select j.id, j.state::text from toril.jobs j join unnest($2::bigint[]) as held (id) on j.id = held.id
where case when j.queue = $1 then true else false end -- else the index by queue offers itself
