"""Redis or Valkey, the fast lane, in BullMQ's layout: suggestions only, all rebuildable from the store."""
