-- Walk over queued jobs, and tell which of them Redis must have been told about some time ago.
--
-- In:  $1 queue, $2 standing, $3 only ids above this, $4 how many at most, $5 horizon (s, as in insert.sql),
--      $6 how long ago (s).
-- Out: the jobs in the order of their ids; `expected` are those that were to be told by then and are owed nothing:
--      a promise goes only when it has been kept.
select id, told_at <= now() - make_interval(secs => $6::float8)
           and not exists (select from toril.outbox o
                           where o.job_id = waiting.id and o.generation = waiting.generation) as expected
from (
    select id, generation, greatest(queued_at, run_at - make_interval(secs => $5::float8)) as told_at
    from toril.jobs
    where queue = $1 and state = 'queued' and standing = $2 and id > $3
    order by id limit $4
) as waiting
order by id
