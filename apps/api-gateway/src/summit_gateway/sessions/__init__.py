"""Sessions: a person's browser, signed in with a key."""
