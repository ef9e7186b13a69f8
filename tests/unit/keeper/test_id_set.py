"""A set of ids that takes little memory is a set all the same."""

import random

from toril.keeper.id_set import IdSet


def test_it_has_what_was_added_and_nothing_else() -> None:
    rng = random.Random(7)
    dense, scattered = range(900, 2_100), [rng.randrange(1, 2**63) for _ in range(1_000)]
    added = {*dense, *scattered, 1, 255, 256, 257, 2**63 - 1}
    ids = IdSet()
    assert not ids
    for each in added:
        ids.add(each)
        ids.add(each)
    assert ids
    assert all(each in ids for each in added)
    near = {each + step for each in added for step in (-256, -1, 1, 256)} - added
    assert not any(each in ids for each in near if each > 0)
