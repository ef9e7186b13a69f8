-- Find workers that are gone, the latest thousand, with each of their queues.
select id, unnest(queues) as queue from (
    select id, queues from toril.workers where state in ('stopped', 'lost') order by seen_at desc limit 1000
) gone
