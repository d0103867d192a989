"""Where a broker is and how it speaks: what is wrong when the settings do not lead to one."""

import ipaddress
import re
import socket

from bictl.clients.listener import certificate_hint, distrust, listener
from bictl.errors import ConfigError, Unreachable
from bictl.settings import Kafka

PROBE = 2.0  # seconds that a port has to open
_PORT = re.compile(r":\d+$")
_NO_NAME = (
    "correct kafka.bootstrap_servers; the name of a container is known inside its network only: "
    "from the host use localhost and the published port"
)


def servers(kafka: Kafka) -> list[str]:
    """`host:port` of each bootstrap server."""
    return [part.strip() for part in kafka.bootstrap_servers.split(",") if part.strip()]


def is_loopback(host: str) -> bool:
    """Whether a host's name or address stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def host_and_port(server: str) -> tuple[str, int]:
    """Of `host`, `host:9092`, `[::1]:9092`."""
    port = _PORT.search(server)
    host = server[: port.start()] if port else server
    return host.strip("[]"), int(port[0][1:]) if port else 9092


def knock(kafka: Kafka, doing: str, timeout: float) -> tuple[str, int]:
    """The first server whose port is open; Unreachable at once when none is: kafka-python would
    try on and on."""
    places = [host_and_port(server) for server in servers(kafka)]
    failures = _failures(places, timeout)
    if len(failures) < len(places):
        return places[len(failures)]
    unknown = all(isinstance(error, socket.gaierror) for error in failures)
    words = "; ".join(sorted({error.strerror or str(error) for error in failures}))
    raise Unreachable(
        f"{doing}: {words or 'no server is named'}", hint=_NO_NAME if unknown else reach_hint(kafka)
    )


def unreached(kafka: Kafka, advertised: set[tuple[str, int]], timeout: float) -> Unreachable | None:
    """What is wrong when the brokers' own addresses, which every client goes on to, lead nowhere:
    kafka-python would try them until the timeout and not name them."""
    known = {host_and_port(server) for server in servers(kafka)}
    if not advertised or advertised & known:
        return None
    failures = _failures(sorted(advertised), timeout)
    if len(failures) < len(advertised):
        return None
    names = ", ".join(f"{host}:{port}" for host, port in sorted(advertised))
    words = "; ".join(sorted({error.strerror or str(error) for error in failures}))
    return Unreachable(
        f"Kafka at {kafka.bootstrap_servers} answers, but sends its clients on to {names}: {words}",
        hint="that is the brokers' advertised.listeners: connect to a listener that advertises an "
        "address which this machine reaches, e.g. localhost and the published port",
    )


def _failures(places: list[tuple[str, int]], timeout: float) -> list[OSError]:
    """Why no port opens, one for each place; fewer as soon as one does."""
    failures: list[OSError] = []
    for place in places:
        try:
            socket.create_connection(place, timeout).close()
        except OSError as error:
            failures.append(error)
        else:
            break
    return failures


def misdirected(kafka: Kafka, server: tuple[str, int]) -> ConfigError | None:
    """What is wrong with the settings when something else listens, or listens otherwise."""
    found, where = listener(*server), f"{server[0]}:{server[1]}"
    if found is None:
        return None
    if found.service not in ("Kafka", "TLS"):
        return ConfigError(
            f"expected a Kafka broker at {where} (kafka.bootstrap_servers), found {found.words}",
            hint="correct kafka.bootstrap_servers (bictl config show); "
            "a broker's port is 9092 by default",
        )
    login = bool(found.mechanisms)
    protocol = ("SASL_" if login else "") + ("SSL" if found.tls else "PLAINTEXT")
    if found.service == "Kafka" and protocol != kafka.security_protocol:
        names = ", ".join(found.mechanisms)
        also = f" with kafka.sasl_mechanism (one of {names}), sasl_username and sasl_password_file"
        return ConfigError(
            f"kafka.security_protocol is {kafka.security_protocol}, "
            f"but the broker at {where} speaks {protocol}",
            hint=f'set kafka.security_protocol = "{protocol}"{also if login else ""}',
        )
    if found.tls and not kafka.security_protocol.endswith("SSL"):
        return ConfigError(
            f"kafka.security_protocol is {kafka.security_protocol}, but {where} wants TLS",
            hint='set kafka.security_protocol = "SSL", or "SASL_SSL" where a login is needed',
        )
    words = distrust(*server, authority=kafka.ssl_cafile) if found.tls else None
    if words:
        return ConfigError(
            f"no trusted TLS connection to Kafka at {where}: {words}",
            hint=certificate_hint(words, key="kafka.bootstrap_servers", ca="kafka.ssl_cafile"),
        )
    return None


def reach_hint(kafka: Kafka) -> str:
    """What to do where nothing, or nobody known, answers."""
    if kafka.bootstrap_servers == Kafka.bootstrap_servers:
        return (
            "nothing is configured but the default address: start the local stack with "
            "`bictl stack up`, or set kafka.bootstrap_servers"
        )
    return (
        "is the broker up, and are kafka.bootstrap_servers and kafka.security_protocol right? "
        "(bictl config show)"
    )
