"""The part of the world model that people write: own entities, overrides, merges; and how entities end."""
