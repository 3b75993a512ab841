"""Building blocks of every process. Nothing here knows the domain."""
