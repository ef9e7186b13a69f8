"""Embedded PostgreSQL and Valkey for a machine that has neither: the real servers, privately owned."""
