"""Which requests may take longer than the others."""

from typing import Final

from summit_core.http.deadline import Table

DEADLINES: Final[Table] = {
    ("GET", "/v1/export"): None,
    ("GET", "/v1/history"): None,
    ("GET", "/v1/audit/export"): None,
    ("GET", "/v1/incidents/{id}/bundle"): None,
    ("POST", "/v1/bundles"): None,
}
"""They last as long as there is something to send or to take in: a bundle is packed before its first byte is sent."""
