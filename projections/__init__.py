"""The read side: what the log says, as tables in Cassandra.

projections = await Projections.connect(settings.cassandra)
row = await projections.conversation(conversation_id)
"""

from __future__ import annotations

from projections.facade import Projections
from projections.schema import OtherRelease, SchemaMismatch, migrate

__all__ = ["OtherRelease", "Projections", "SchemaMismatch", "migrate"]
