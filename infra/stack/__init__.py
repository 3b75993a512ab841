"""The local stack: Kafka, Cassandra, Redis, Triton and our own processes as supervised child processes."""
