"""What an answer cost, in words."""

from __future__ import annotations

import pytest

from bot import wording
from bot.app.reuse import Costs


@pytest.mark.parametrize(
    ("scanned", "price", "said"),
    [
        (1_800_000_000, 0.005, "1.8 GB, $0.009"),
        (180_000_000_000, 0.005, "180.0 GB, $0.90"),
        (2_000_000_000_000, 0.005, "2,000.0 GB, $10.00"),
        (3_400_000, 0.005, "3.4 MB, under $0.001"),
        (1_800_000_000, 0, "1.8 GB"),
    ],
)
def test_a_cost_is_said_in_bytes_and_dollars(scanned: int, price: float, said: str) -> None:
    assert wording.cost(scanned, price) == said


def test_what_is_free_or_was_not_read_costs_nothing_to_say() -> None:
    costs = Costs({"lake": 0.005})

    assert costs.words("local", 5_000_000_000) == ""
    assert costs.words("lake", 0) == ""
    assert costs.words("lake", 5_000_000_000) == "5.0 GB, $0.025"
