"""The store: PostgreSQL, the record of what was observed and what the world was."""

from summit_core.store.batch import insert_ignoring_duplicates, insert_new, insert_quietly
from summit_core.store.pool import Pool, check_pool, create_pool, create_reading_pool

__all__ = [
    "Pool",
    "check_pool",
    "create_pool",
    "create_reading_pool",
    "insert_ignoring_duplicates",
    "insert_new",
    "insert_quietly",
]
