"""A client for Cassandra: sessions for an event loop, and errors that say whether to try again."""
