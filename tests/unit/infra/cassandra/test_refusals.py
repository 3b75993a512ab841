"""What an error of Cassandra's driver means to the one who asked."""

from __future__ import annotations

import pytest
from cassandra import InvalidRequest, Unauthorized

from infra.cassandra.errors import StoreRefused, ValueRefused
from infra.cassandra.refusals import translate


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("Mutation of 17.000MiB is too large for the maximum size of 16.000MiB"), ValueRefused),
        (InvalidRequest("Key may not be empty"), ValueRefused),
        (TypeError("secret"), ValueRefused),
        (ValueError("secret"), ValueRefused),
        (InvalidRequest("unconfigured table messages_v2"), StoreRefused),
        (InvalidRequest("Undefined column name answer"), StoreRefused),
        (InvalidRequest("Keyspace 'verbatim' does not exist"), StoreRefused),
        (Unauthorized("User ada has no MODIFY permission"), StoreRefused),
    ],
)
def test_what_the_store_refuses_for_its_values_is_told_from_what_an_operator_must_mend(
    error: Exception, kind: type[StoreRefused]
) -> None:
    translated = translate(error, "here")
    assert type(translated) is kind and "secret" not in str(translated)
