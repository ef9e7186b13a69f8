-- Announce a worker process.
--
-- In:  $1 id (random, new for every start), $2 host, $3 pid, $4 queues, $5 concurrency, $6 version.
-- Out: the Unix time in seconds.
insert into toril.workers (id, host, pid, queues, concurrency, version) values ($1, $2, $3, $4, $5, $6)
returning extract(epoch from clock_timestamp())::float8 as unix
