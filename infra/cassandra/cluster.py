"""How the driver is set up."""

from __future__ import annotations

import logging
import socket
import ssl
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import DCAwareRoundRobinPolicy, ExponentialReconnectionPolicy, TokenAwarePolicy
from cassandra.query import tuple_factory

from infra.settings.servers import CassandraSettings

# Spoken by Cassandra 2.2 to 5; v5 adds checksums that cost Python more per request than everything else it frames.
_PROTOCOL_VERSION = 4
_CONNECT_TIMEOUT_S = 10.0

# The driver reports every failed connection attempt with a traceback; we say it once, in one line, where it matters.
logging.getLogger("cassandra").setLevel(logging.CRITICAL)


def cluster_of(settings: CassandraSettings, request_timeout_s: float) -> Any:
    """The driver's object for the cluster of `settings`, not connected yet."""
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(settings.local_dc)),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        request_timeout=request_timeout_s,
        row_factory=tuple_factory,
    )
    context = None
    if settings.ssl_ca_file is not None:
        context = ssl.create_default_context(cafile=str(settings.ssl_ca_file))
    credentials = None
    if settings.username is not None and settings.password is not None:
        credentials = PlainTextAuthProvider(settings.username, settings.password.get_secret_value())
    return Cluster(
        contact_points=list(settings.contact_points),
        port=settings.port,
        protocol_version=_PROTOCOL_VERSION,
        compression=False,
        auth_provider=credentials,
        ssl_context=context,
        # 44 ms a request above 4 KiB otherwise (Nagle and delayed acknowledgements).
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        reconnection_policy=ExponentialReconnectionPolicy(0.5, 8.0),
        connect_timeout=_CONNECT_TIMEOUT_S,
        control_connection_timeout=_CONNECT_TIMEOUT_S,
        max_schema_agreement_wait=30,
        monitor_reporting_enabled=False,
        application_name="verbatim",
    )
