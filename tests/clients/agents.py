"""Agents of public events, and what happens to such strings on their way."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIXTURE: Final = Path(__file__).parents[1] / "fixtures" / "agents.tsv"


@dataclass(frozen=True)
class Line:
    """An agent, where it was found, and what a script made of it (in places wrong)."""

    agent: str
    source: str
    column: str


@cache
def lines() -> tuple[Line, ...]:
    rows = FIXTURE.read_text(encoding="utf-8").splitlines()[1:]
    return tuple(Line(*row.split("\t")) for row in rows)


def _insert(agent: str, rng: random.Random, what: str) -> str:
    at = rng.randrange(len(agent) + 1)
    return agent[:at] + what + agent[at:]


def _lose(agent: str, rng: random.Random, what: str) -> str:
    places = [place for place, character in enumerate(agent) if character == what]
    if not places:
        return agent
    at = rng.choice(places)
    return agent[:at] + agent[at + 1 :]


_ODD: Final = (
    "%",
    "_",
    "\\",
    "'",
    '"',
    "[",
    "]",
    "\n",
    "\t",
    "\u202e",
    "é",
    "٣",
    "²",
    "İ",
    "\x7f",
    "/",
    "#",
    "(",
    " ",
)

MUTATIONS: Final[tuple[Callable[[str, random.Random], str], ...]] = (
    lambda agent, rng: agent[: rng.randrange(len(agent) + 1)],
    lambda agent, rng: agent[rng.randrange(len(agent) + 1) :],
    lambda agent, _: agent.replace(" ", ""),
    lambda agent, rng: _lose(agent, rng, " "),
    lambda agent, _: agent.replace(" ", "  "),
    lambda agent, _: agent.replace("_", ""),
    lambda agent, _: agent.replace("_", " "),
    lambda agent, _: f"[{agent}]",
    lambda agent, _: f"[{agent}",
    lambda agent, rng: f"{agent}, {rng.choice(lines()).agent}",
    lambda agent, rng: f"{rng.choice(lines()).agent} {agent}",
    lambda agent, rng: _insert(agent, rng, "${project.version}"),
    lambda agent, rng: _insert(agent, rng, rng.choice(_ODD)),
    lambda agent, rng: _insert(agent, rng, rng.choice(_ODD) * rng.randrange(5)),
    lambda agent, rng: _lose(agent, rng, "."),
    lambda agent, rng: _lose(agent, rng, "/"),
    lambda agent, _: agent.replace("#", "/"),
    lambda agent, _: agent.lower(),
    lambda agent, _: agent.upper(),
    lambda agent, rng: (agent + " app/" + "x" * rng.randrange(1200))[:1024],
    lambda agent, _: (agent + " ") * 40,
    lambda agent, _: f"canary-generated {agent}",
)


def mutated(count: int, seed: int = 0) -> Iterator[str]:
    """`count` agents, each of the fixture changed once or twice; the same for a seed."""
    rng = random.Random(seed)  # noqa: S311 - samples, not secrets
    originals = [line.agent for line in lines()]
    for _ in range(count):
        agent = rng.choice(originals)
        for mutation in rng.choices(MUTATIONS, k=rng.choice((1, 1, 2))):
            agent = mutation(agent, rng)
        yield agent
