"""nats-py's client, which with a TLS context says nothing to a server that does not encrypt."""

from nats.aio.client import Client
from nats.errors import Error as NatsError


class EncryptedClient(Client):
    """nats-py encrypts only when the server's first line, which is plain text, asks for it: who stands in between can
    take that out and read the password (2.16.0). Here the password is kept back."""

    def _connect_command(self) -> bytes:
        if self.options.get("tls") is not None and not self._server_info.get("tls_required"):
            raise NatsError("the server does not encrypt; our credentials were not sent")
        return bytes(super()._connect_command())
