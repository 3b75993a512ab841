"""`faust -A projections.main worker`: the name by which the release before starts the projector process."""

from __future__ import annotations

from infra.former_names import become_for_faust

become_for_faust("projector")
