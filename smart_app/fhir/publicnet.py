"""Connections that may reach public addresses only, checked on the connected socket itself.

A name can resolve to a public address when it is looked at and to a private one a moment later (DNS rebinding): what
counts is who the socket is connected to, before the first byte goes out.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import ClassVar

from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from smart_app.fhir.timed import TimedAdapter, TimedHttp, TimedHttps

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether it is a global address; one that carries an IPv4 address inside counts as that one does."""
    found = ipaddress.ip_address(address.split("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast


def _checked(connection: HTTPConnection, made: socket.socket) -> socket.socket:
    if not is_public(made.getpeername()[0]):
        made.close()
        raise NewConnectionError(connection, "the address lies in a private network")
    return made


class _PublicHttp(TimedHttp):
    def _new_conn(self) -> socket.socket:
        return _checked(self, super()._new_conn())


class _PublicHttps(TimedHttps):
    def _new_conn(self) -> socket.socket:
        return _checked(self, super()._new_conn())


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _PublicHttp


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _PublicHttps


class PublicAdapter(TimedAdapter):
    """Requests' adapter over such connections."""

    pools: ClassVar = {"http": _HttpPool, "https": _HttpsPool}
