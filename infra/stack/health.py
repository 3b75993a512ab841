"""Health checks of the servers as real queries, the same for local and external servers."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from infra.settings.processes import ApiSettings
from infra.settings.servers import CassandraSettings, KafkaSettings, RedisSettings, TritonSettings
from infra.stack import triton_probe
from infra.stack.child import Unwell

QUERY_TIMEOUT_S = 5.0


class KafkaHealth:
    """Lists the cluster's metadata and wants a controller in it."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._admin: Any = None

    async def check(self) -> None:
        await asyncio.to_thread(self._query)

    def _query(self) -> None:
        from confluent_kafka.admin import AdminClient

        if self._admin is None:
            quiet = logging.getLogger("infra.stack.health.librdkafka")
            quiet.setLevel(logging.CRITICAL)
            config: dict[str, str | int | float | bool] = {
                **self._kafka.broker_properties(),
                "reconnect.backoff.ms": 50,
                "reconnect.backoff.max.ms": 200,
                "log_level": 0,
            }
            self._admin = AdminClient(config, logger=quiet)
        metadata = self._admin.list_topics(timeout=QUERY_TIMEOUT_S)
        if not metadata.brokers or metadata.controller_id < 0:
            raise Unwell("Kafka answers without a controller")

    def close(self) -> None:
        self._admin = None


class CassandraHealth:
    """Selects from the node's own table over CQL."""

    def __init__(self, cassandra: CassandraSettings) -> None:
        self._cassandra = cassandra
        self._cluster: Any = None
        self._session: Any = None

    async def check(self) -> None:
        # The driver waits long and logs much for a node that is not there yet: knock first.
        async with asyncio.timeout(QUERY_TIMEOUT_S):
            host = self._cassandra.contact_points[0]
            _, writer = await asyncio.open_connection(host, self._cassandra.port)
            writer.close()
            await writer.wait_closed()
        try:
            await asyncio.to_thread(self._query)
        except BaseException:
            await asyncio.to_thread(self.close)
            raise

    def _query(self) -> None:
        if self._session is None:
            self._connect()
        rows = self._session.execute("SELECT release_version FROM system.local", timeout=QUERY_TIMEOUT_S)
        if rows.one() is None:
            raise Unwell("Cassandra answers without a row about itself")

    def _connect(self) -> None:
        from cassandra.auth import PlainTextAuthProvider
        from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
        from cassandra.policies import DCAwareRoundRobinPolicy

        logging.getLogger("cassandra").setLevel(logging.CRITICAL)
        wanted = self._cassandra
        auth = None
        if wanted.username is not None and wanted.password is not None:
            auth = PlainTextAuthProvider(wanted.username, wanted.password.get_secret_value())
        profile = ExecutionProfile(load_balancing_policy=DCAwareRoundRobinPolicy(wanted.local_dc))
        self._cluster = Cluster(
            list(wanted.contact_points),
            port=wanted.port,
            auth_provider=auth,
            ssl_context=_tls(wanted.ssl_ca_file),
            protocol_version=5,
            connect_timeout=QUERY_TIMEOUT_S,
            control_connection_timeout=QUERY_TIMEOUT_S,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            schema_metadata_enabled=False,
            token_metadata_enabled=False,
            executor_threads=1,
        )
        self._session = self._cluster.connect()

    def close(self) -> None:
        cluster, self._cluster, self._session = self._cluster, None, None
        if cluster is not None:
            cluster.shutdown()


def _tls(ca_file: Path | None) -> Any:
    if ca_file is None:
        return None
    import ssl

    return ssl.create_default_context(cafile=str(ca_file))


class RedisHealth:
    """Pings, and writes a key that expires by itself."""

    def __init__(self, redis: RedisSettings) -> None:
        self._redis = redis
        self._client: Any = None

    async def check(self) -> None:
        await asyncio.to_thread(self._query)

    def _query(self) -> None:
        if self._client is None:
            from redis import Redis

            self._client = Redis.from_url(
                self._redis.url.get_secret_value(),
                socket_timeout=QUERY_TIMEOUT_S,
                socket_connect_timeout=QUERY_TIMEOUT_S,
            )
        from redis.exceptions import ResponseError

        try:
            taken = self._client.ping() and self._client.set(self._redis.key("verbatim:health"), b"1", ex=60)
        except ResponseError as error:
            raise Unwell(f"Redis answers: {error}") from None
        if not taken:
            raise Unwell("Redis does not take writes")

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


class TritonHealth:
    """Asks whether the server and its models are ready, and at first lets `writers` write a token each."""

    def __init__(
        self, triton: TritonSettings, models: tuple[str, ...] = (), writers: tuple[str, ...] = (triton_probe.MODEL,)
    ) -> None:
        self._triton = triton
        self._models = models
        self._writers = tuple(model for model in writers if model in models)
        self._client: Any = None
        self._has_written = False

    async def check(self) -> None:
        await asyncio.to_thread(self._query)

    def _query(self) -> None:
        from tritonclient.grpc import InferenceServerClient

        if self._client is None:
            self._client = InferenceServerClient(self._triton.grpc)
        if not self._client.is_server_ready(client_timeout=QUERY_TIMEOUT_S):
            raise Unwell("Triton is not ready")
        for model in self._models:
            if not self._client.is_model_ready(model, client_timeout=QUERY_TIMEOUT_S):
                raise Unwell(f"Triton's model {model} is not ready")
        if not self._has_written:
            for model in self._writers:
                triton_probe.generate_one_token(self._client, model)
            self._has_written = True

    def close(self) -> None:
        client, self._client = self._client, None
        self._has_written = False
        if client is not None:
            client.close()


class ApiHealth:
    """GETs /ready, which answers 200 when the API can serve: /health tells of other roles too."""

    def __init__(self, api: ApiSettings) -> None:
        host = "127.0.0.1" if api.host in ("0.0.0.0", "::", "") else api.host
        self._host, self._port = host, api.port

    async def check(self) -> None:
        await asyncio.to_thread(self._query)

    def _query(self) -> None:
        connection = HTTPConnection(self._host, self._port, timeout=QUERY_TIMEOUT_S)
        try:
            connection.request("GET", "/ready")
            status = connection.getresponse().status
        finally:
            connection.close()
        if status != HTTPStatus.OK:
            raise Unwell(f"GET /ready answers {status}")

    def close(self) -> None:
        """Every query has a connection of its own."""
