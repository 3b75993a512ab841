"""What can go wrong between a process and Cassandra.

StoreError
├── StoreUnavailable   no node answered in time, or not enough replicas: retry
└── StoreRefused       the store said no (wrong credentials, unknown table): retrying changes nothing
    └── ValueRefused       it is these values that it takes never: too large, or none of their column's
"""

from __future__ import annotations


class StoreError(Exception):
    """Root of the errors of this package."""


class StoreUnavailable(StoreError):
    """No answer in time. A write may or may not have been applied: repeat it."""


class StoreRefused(StoreError):
    """The store answered no, and will again."""


class ValueRefused(StoreRefused):
    """The store will never take these values; it takes others."""
