"""A small certificate authority for development and small installations (docs/ops/certificates.md)."""
