"""Calls to services: one pooled client a process, one deadline, a breaker for each upstream, bounded retries."""

from summit_core.http.client.session import create_session
from summit_core.http.client.upstream import Answer, Upstream

__all__ = ["Answer", "Upstream", "create_session"]
