"""People and programs of another identity provider: OpenID Connect, as a resource server."""
