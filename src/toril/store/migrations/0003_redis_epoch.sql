-- Which Redis the queued jobs were told to: its own run id, and the mark that was left in it. When either is
-- another, Redis was emptied, replaced or restarted, and everything that is queued is told to it again.
create table toril.redis_epoch (
    only_row boolean primary key default true check (only_row),
    run_id text not null,
    mark text not null,
    filled_at timestamptz not null default now()
);
