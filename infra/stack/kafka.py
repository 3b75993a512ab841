"""The local Kafka broker: one KRaft node that is broker and controller, on loopback."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

from infra.stack.child import ChildSpec, Health
from infra.stack.errors import ChildFailed
from infra.stack.java import Java, java_argv
from infra.stack.layout import Layout
from infra.stack.timer_slack import SERVERS_NS

MAX_RECORD_BYTES = 8 * 1024 * 1024
# Room for headers and batch framing around a record of the full size.
MAX_BATCH_BYTES = MAX_RECORD_BYTES + 64 * 1024
FORMAT_TIMEOUT_S = 60

COLLECTOR = "-XX:+UseG1GC"
JVM_OPTIONS = (
    "-Xms256m",
    "-Xmx512m",
    COLLECTOR,
    "-XX:MaxGCPauseMillis=20",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-XX:MaxMetaspaceSize=160m",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
    # one broker is its own controller: the moments in which it looks for itself are no news
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients.NetworkClient=error",
)


def properties(port: int, controller_port: int, data: Path) -> str:
    """server.properties."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(MAX_BATCH_BYTES),
        "replica.fetch.max.bytes": str(MAX_BATCH_BYTES),
        # one broker: internal topics cannot have more replicas, and few partitions load fast
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "2",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "2",
        # after a kill the controller takes the broker back when its earlier session has ended: 9 s by default
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # no second controller learns by these how far the log is: else two records a second, each flushed
        "metadata.max.idle.interval.ms": "0",
        # takeover in well under a second (static members) and about 3 s (dynamic ones)
        "group.min.session.timeout.ms": "1000",
        "group.initial.rebalance.delay.ms": "0",
        # the default (128 MiB) would be a quarter of the heap
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        "num.network.threads": "2",
        "num.io.threads": "4",
        "queued.max.requests": "200",
        "num.recovery.threads.per.data.dir": "2",
        "background.threads": "4",
        # each wakes up five times a second, with and without work
        "group.coordinator.threads": "1",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def spec(
    java: Java, layout: Layout, ports: dict[str, int], class_path: str, archive: tuple[str, ...], health: Health
) -> ChildSpec:
    """The broker as a child, with the options `archive` of its class archive.

    Writes its configuration and, at the first start, formats its log folder.

    Blocking (the format takes about two seconds). Raises ChildFailed when formatting fails.
    """
    folder = layout.data_of("kafka")
    data = folder / "data"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = folder / "server.properties"
    config.write_text(properties(ports["kafka"], ports["kafka_controller"], data))
    if not (data / "meta.properties").is_file():
        _format(java, layout, folder, config, class_path)
    return ChildSpec(
        name="kafka",
        role="kafka",
        argv=java_argv(java, folder, (*JVM_OPTIONS, *archive), class_path, "kafka.Kafka", [str(config)]),
        env={"LANG": "C.UTF-8"},
        cwd=folder,
        health=health,
        start_timeout_s=90,
        stop_grace_s=10,
        unanswered_after_s=30,
        is_server=True,
        timer_slack_ns=SERVERS_NS,
    )


def cluster_id_of(stack_id: str) -> str:
    """The stack's id (32 hex digits) in the form Kafka writes ids: 22 base64url characters, the first never a dash.

    A leading dash would be taken for an option by Kafka's own tools.
    """
    encoded = base64.urlsafe_b64encode(bytes.fromhex(stack_id)).rstrip(b"=").decode()
    return "A" + encoded[1:] if encoded[0] == "-" else encoded


def _format(java: Java, layout: Layout, folder: Path, config: Path, class_path: str) -> None:
    cluster_id = cluster_id_of(layout.stack_id())
    argv = java_argv(
        java,
        folder,
        ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", *JVM_OPTIONS[-4:]),
        class_path,
        "kafka.tools.StorageTool",
        ["format", "-t", cluster_id, "-c", str(config)],
    )
    try:
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S, env={})
    except subprocess.TimeoutExpired:
        raise ChildFailed("kafka", "formatting its log folder took too long", str(layout.log_of("kafka"))) from None
    with layout.log_of("kafka").open("a") as log:
        log.write(done.stdout + done.stderr)
    if done.returncode != 0:
        raise ChildFailed("kafka", "its log folder could not be formatted", str(layout.log_of("kafka")))
