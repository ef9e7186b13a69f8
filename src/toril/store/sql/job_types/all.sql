-- Read all registered job types.
select name, queue, schema::text, max_attempts, max_crashes, priority, timeout, description
from toril.job_types order by name
