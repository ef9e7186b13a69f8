-- Read the beats of all live workers.
select id, beat from toril.workers where state in ('running', 'draining')
