# SPDX-License-Identifier: GPL-3.0-or-later
"""Which finished jobs a store gives up when it holds too many: nobody's results make room for a greedy neighbour's."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .errors import ServiceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How much is kept. Raises ServiceError for what keeps nothing."""

    jobs: int = 500
    size: int = 4 << 30
    """Bytes of their results."""

    def __post_init__(self) -> None:
        if self.jobs < 1 or self.size < 1:
            raise ServiceError("A backend must keep at least one result.", "Raise --keep-jobs or --keep-gb.")


@dataclass(frozen=True, slots=True)
class Kept:
    """A job that is over."""

    job_id: str
    account: str
    """Whose it is."""
    size: int
    """Bytes of its results."""


def given_up(ended: Iterable[Kept], limits: Retention) -> Iterator[str]:
    """Jobs to delete, of all that are over, oldest first.

    The account that holds most gives up its oldest, so accounts converge to equal parts of what is kept (max-min
    fairness); where there is one account, the oldest go. The latest job of all always stays. O(n + deleted · accounts).
    """
    jobs = list(ended)
    if not jobs:
        return
    latest = jobs[-1]
    lines: dict[str, deque[Kept]] = {}
    for each in jobs:
        lines.setdefault(each.account, deque()).append(each)
    sizes = {account: sum(each.size for each in line) for account, line in lines.items()}
    count, total = len(jobs), sum(sizes.values())
    while count > limits.jobs or total > limits.size:
        able = [account for account, line in lines.items() if line and line[0] is not latest]
        if not able:
            return
        if count > limits.jobs:
            chosen = max(able, key=lambda account: len(lines[account]))
        else:
            chosen = max(able, key=lambda account: sizes[account])
        gone = lines[chosen].popleft()
        sizes[chosen] -= gone.size
        count, total = count - 1, total - gone.size
        yield gone.job_id
