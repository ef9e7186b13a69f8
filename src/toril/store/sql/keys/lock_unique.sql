-- Lock unique keys until the end of the transaction; those that nobody had yet are made, held by no job.
--
-- In: $1 job names, $2 keys; no pair twice.
--
-- Who holds a key has to be asked in a statement of its own: this one waits for others, and would not see the
-- jobs that they have made meanwhile. Sorted, so that two batches lock in the same order.
insert into toril.unique_keys (name, key, job_id, held)
select name, key, 0, 'queued' from unnest($1::text[], $2::text[]) as wanted (name, key)
order by name, key
on conflict (name, key) do update set name = excluded.name
