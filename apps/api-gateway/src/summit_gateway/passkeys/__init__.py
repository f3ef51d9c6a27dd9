"""Passkeys (WebAuthn): a second way to sign in, beside name and password."""
