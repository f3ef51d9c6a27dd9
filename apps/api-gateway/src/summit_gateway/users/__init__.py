"""People: who may sign in with a name and a password."""
