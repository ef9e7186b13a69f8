-- Publish job types; a row is only rewritten when something in it has changed.
--
-- In: parallel arrays: $1 name, $2 queue, $3 schema, $4 max_attempts, $5 max_crashes, $6 priority, $7 timeout,
--     $8 description.
insert into toril.job_types as t (name, queue, schema, max_attempts, max_crashes, priority, timeout, description)
select name, queue, schema::jsonb, max_attempts, max_crashes, priority, timeout, description
from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::int[], $6::int[], $7::float8[], $8::text[])
     as published (name, queue, schema, max_attempts, max_crashes, priority, timeout, description)
order by name  -- two workers that publish the same types take the locks in the same order
on conflict (name) do update
set queue = excluded.queue, schema = excluded.schema, max_attempts = excluded.max_attempts,
    max_crashes = excluded.max_crashes, priority = excluded.priority, timeout = excluded.timeout,
    description = excluded.description, registered_at = now()
where (t.queue, t.schema, t.max_attempts, t.max_crashes, t.priority, t.timeout, t.description)
      is distinct from (excluded.queue, excluded.schema, excluded.max_attempts, excluded.max_crashes,
                        excluded.priority, excluded.timeout, excluded.description)
