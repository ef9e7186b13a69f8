-- The keys that submitters choose. A row of each is locked by whoever submits with its key until that has been
-- committed, so that of any number of submits with one key the second sees what the first has done.

-- One row for each idempotency key: what was asked for with it, and the answer. It outlives its job.
-- `job_id` is null only inside the transaction that takes the key.
create table toril.idempotency_keys (
    expires_at timestamptz not null,
    job_id bigint,
    key text primary key,
    fingerprint text not null,
    status text
);
create index idempotency_keys_by_time on toril.idempotency_keys (expires_at);

-- One row for each key of a unique job: the job that took it last. Whether that job still holds the key is
-- told by the job itself (see `holds`), so nothing has to be written when it starts or ends.
create table toril.unique_keys (
    job_id bigint not null,
    expires_at timestamptz,
    name text not null,
    key text not null,
    held text not null check (held in ('queued', 'active', 'ttl')),
    primary key (name, key)
);

-- Whether a job still holds the unique key that it took.
create function toril.holds(job_id bigint, held text, expires_at timestamptz) returns boolean
language sql stable parallel safe
return case held
    when 'ttl' then expires_at > now()
    else exists (select from toril.jobs j
                 where j.id = job_id
                   and case held when 'queued' then j.state = 'queued'
                                 else j.state in ('queued', 'active') end) end;
