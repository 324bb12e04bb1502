"""A stable hash of what a picture shows, and the split that it has by this hash alone.

Nothing but the picture decides, so all its captions, and identical pictures under other names or
in other encodings, stay on one side, on every machine. `data.split_rule` says what becomes of sets
that are small or whose own splits are not all there.
"""

from __future__ import annotations

from collections.abc import Sequence

from data.base.errors import DataError

SPLITS = ("train", "val", "test")
SHARES = (0.8, 0.1, 0.1)

# Where val and test begin in the range of hashes, 0 to 1.
Borders = tuple[float, float]


def assign(content_hash: str, shares: Sequence[float] = SHARES) -> str:
    """Returns the split of a picture.

    Args:
      content_hash: hex digits of an even hash of 52 bits or more.
      shares: of train, val and test; they sum to 1.

    A picture keeps its split for ever as long as the shares stay the same; when they change, only
    the pictures near the moved borders change sides.
    """
    check_shares(shares)
    return side(position(content_hash), fixed_borders(shares))


def position(content_hash: str) -> float:
    """Returns where a picture stands in the range of hashes, 0 to 1."""
    return int(content_hash[:13], 16) / 16**13  # 52 bits, as many as a float holds exactly


def fixed_borders(shares: Sequence[float]) -> Borders:
    """Returns where val and test begin in the range of hashes when shares alone decide."""
    train, val, test = shares
    # Rounding may leave a sum a hair below 1, and a picture of the last hash in an empty share.
    return (train if val or test else 1.0), (train + val if test else 1.0)


def side(position: float, borders: Borders) -> str:
    """Returns the split in whose part of the range of hashes `position` lies."""
    return SPLITS[sum(position >= border for border in borders)]


def check_shares(shares: Sequence[float]) -> None:
    """Raises DataError unless `shares` are three numbers >= 0 that sum to 1."""
    if len(shares) != len(SPLITS) or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise DataError(
            f"shares {tuple(shares)}",
            "these are not the shares of train, val and test",
            "Give three numbers of 0 or more that sum to 1, such as 0.8, 0.1, 0.1.",
        )
