"""Free loopback ports."""

import socket

import click


def choose(preferred: dict[str, int]) -> dict[str, int]:
    """A free port for each name: the preferred one where it is free, any other where it is not (0: any).

    All are held open until the last is chosen, so that no two names get the same.
    """
    held: list[socket.socket] = []
    try:
        return {name: _bind(port, held) for name, port in preferred.items()}
    finally:
        for open_socket in held:
            open_socket.close()


def demand(host: str, port: int) -> None:
    """A port that was asked for by name must be free."""
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise click.ClickException(
                f"cannot listen on {host}:{port} ({error.strerror}); give another --port"
            ) from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _bind(port: int, held: list[socket.socket]) -> int:
    for candidate in (port, 0):
        attempt = socket.socket()
        held.append(attempt)
        # a port whose last connection lingers in TIME_WAIT is free for a listener, as it is for our servers
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", candidate))
            attempt.listen(1)  # with SO_REUSEADDR only a listener keeps others off
        except OSError:
            continue
        return int(attempt.getsockname()[1])
    raise click.ClickException("no free port on 127.0.0.1")
