import contextlib
import time

import pytest
from tests.unit.api.memory import Memory, registered

from toril.domain.errors import InvalidInput
from toril.operations.catalog import Catalog
from toril.operations.decoding import decode_job
from toril.operations.submission import Submission

INTEGERS_OR_NULL = """
{"properties": {"a": {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]}}}
"""


@pytest.fixture
async def submission() -> Submission:
    memory = Memory()
    memory.registered = [registered("anything", "true"), registered("numbers", INTEGERS_OR_NULL)]
    catalog = Catalog(memory)
    await catalog.refresh()
    return Submission(memory, catalog)


@pytest.mark.parametrize("name", ["anything", "numbers"])
@pytest.mark.parametrize(
    "item", ["1,", "1e308,", "1e-308,", "[],", "{},", '"",', "[" * 30 + "]" * 30 + ",", '"\\ud83d\\ude00",']
)
async def test_a_job_of_any_content_is_checked_in_moments(
    submission: Submission, name: str, item: str
) -> None:
    payload = '{"a":[' + item * (250_000 // len(item)) + "1]}"
    body = f'{{"name":"{name}","payload":{payload}}}'.encode()
    started = time.process_time()

    with contextlib.suppress(InvalidInput):
        await submission.check(decode_job(body), body, since=0.0)

    # The slowest takes some 50 ms; what this guards against took a second.
    assert time.process_time() - started < 0.4
