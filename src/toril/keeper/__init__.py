"""The duties that keep the system whole, in every process that has PostgreSQL; one leads in most of them."""
