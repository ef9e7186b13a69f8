-- Note which Redis is filled now.
--
-- In: $1 its run id, $2 the mark that was left in it.
insert into toril.redis_epoch (run_id, mark) values ($1, $2)
on conflict (only_row) do update set run_id = excluded.run_id, mark = excluded.mark, filled_at = now()
