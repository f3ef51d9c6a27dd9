"""Sessions: somebody who signed in with a key or a password, with a short-lived token that is renewed."""
