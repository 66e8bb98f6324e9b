"""One rule on who may ask, and where, by the facts that a surface brings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING

import pytest

from bot.app.access import AccessPolicy, NotAllowed, Person, Place
from bot.errors import SurfaceDown

if TYPE_CHECKING:
    from collections.abc import Collection

MEMBER = Person("bob", UTC, is_guest=False, is_ours=True)
GUEST = Person("gus", UTC, is_guest=True, is_ours=True)
STRANGER = Person("sam", UTC, is_guest=False, is_ours=False)


@dataclass
class Town:
    """A surface with a few people, two places and a group."""

    people: dict[str, Person] = field(
        default_factory=lambda: {"bob": MEMBER, "gus": GUEST, "sam": STRANGER, "amy": MEMBER}
    )
    is_away: bool = False

    def person(self, user: str) -> Person:
        if self.is_away:
            raise SurfaceDown("The town is away.")
        return self.people[user]

    def place(self, channel: str) -> Place:
        return Place(is_shared=channel == "border")

    def is_among(self, user: str, named: Collection[str]) -> bool:
        return user in named or ("group" in named and user == "bob")

    def is_in(self, user: str, channel: str) -> bool:
        return channel in {"square", "border"} or channel == f"{user}'s own"


def verdict(policy: AccessPolicy, user: str, channel: str = "square", *, private: bool = False) -> str:
    try:
        policy.admit(user, channel, private=private)
    except NotAllowed as error:
        return error.message
    return "yes"


GUESTS = "Guests may not ask here."
OURS = "Only people of this organization may ask here."
NAMED = "You are not among those who may ask here."
ELSEWHERE = "This is not one of the channels in which I may answer."
SHARED = "This channel is shared with another organization, so I do not answer in it."


@pytest.mark.parametrize(
    ("user", "channel", "private", "said"),
    [
        ("bob", "square", False, "yes"),
        ("gus", "square", False, GUESTS),
        ("gus", "square", True, GUESTS),
        ("sam", "square", False, OURS),
        ("bob", "border", False, SHARED),
        ("bob", "border", True, "yes"),
    ],
)
def test_without_settings_members_may_ask_where_nobody_else_reads(
    user: str, channel: str, private: bool, said: str
) -> None:
    assert verdict(AccessPolicy(Town()), user, channel, private=private) == said


def test_settings_name_people_and_groups_instead() -> None:
    policy = AccessPolicy(Town(), users=["group", "gus"])
    assert [verdict(policy, user) for user in ("bob", "gus", "amy")] == ["yes", "yes", NAMED]


def test_settings_name_channels_instead_also_for_private_answers() -> None:
    policy = AccessPolicy(Town(), channels=["border"])
    assert verdict(policy, "bob", "border") == "yes"
    assert verdict(policy, "bob", private=True) == ELSEWHERE


def test_an_admin_may_always_ask_and_change_what_others_asked() -> None:
    policy = AccessPolicy(Town(), users=["bob"], channels=["square"], admins=["gus"])
    assert verdict(policy, "gus", "border") == "yes"
    assert policy.may_change("gus", "bob")
    assert policy.may_change("bob", "bob")
    assert not policy.may_change("amy", "bob")


def test_a_refusal_says_whom_to_ask() -> None:
    with pytest.raises(NotAllowed, match=r"Ask @bob or @bob\."):
        AccessPolicy(Town(), admins=["amy", "bob"]).admit_person("gus")
    with pytest.raises(NotAllowed, match="TLS_AUDIT_USERS"):
        AccessPolicy(Town()).admit_person("gus")


def test_whoever_cannot_be_known_now_is_neither_admitted_nor_refused() -> None:
    policy = AccessPolicy(Town(is_away=True))
    with pytest.raises(SurfaceDown):
        policy.admit("bob", "square")
    assert policy.words("bob", "square") == "Whether you may ask here is not known: The town is away."


def aimed(policy: AccessPolicy, user: str, channel: str, here: str = "") -> str:
    try:
        policy.admit_target(user, channel, here=here)
    except NotAllowed as error:
        return error.message
    return "yes"


AWAY = "I answer only where both you and I are, and in your own messages with me."


@pytest.mark.parametrize(
    ("user", "channel", "here", "said"),
    [
        ("bob", "square", "", "yes"),
        ("bob", "cellar", "", AWAY),
        ("bob", "cellar", "cellar", "yes"),
        ("bob", "bob's own", "", "yes"),
        ("bob", "gus's own", "", AWAY),
        ("amy", "gus's own", "", AWAY),
        ("amy", "cellar", "square", AWAY),
        ("amy", "border", "border", SHARED),
        ("gus", "square", "square", GUESTS),
        ("sam", "square", "square", OURS),
    ],
)
def test_a_digest_goes_only_where_one_is_for_admins_too(
    user: str, channel: str, here: str, said: str
) -> None:
    assert aimed(AccessPolicy(Town(), admins=["amy"]), user, channel, here) == said


def test_what_a_form_says_of_where_someone_is_is_looked_up() -> None:
    policy = AccessPolicy(Town())
    with pytest.raises(NotAllowed, match="only where both you and I are"):
        policy.admit("bob", "cellar", vouched=False)
    policy.admit("bob", "cellar", private=True, vouched=False)
    policy.admit("bob", "cellar")


def test_what_was_asked_is_for_its_asker_and_whoever_is_there() -> None:
    policy = AccessPolicy(Town())
    assert policy.is_for("bob", "bob", "cellar", here="")
    assert policy.is_for("amy", "bob", "cellar", here="cellar")
    assert policy.is_for("amy", "bob", "square", here="")
    assert not policy.is_for("amy", "bob", "cellar", here="square")
    assert not policy.is_for("amy", "bob", "", here=""), "at Home nobody else reads"


def test_who_bears_the_id_of_another_as_a_name_is_not_them() -> None:
    town = Town()
    town.people["mallory"] = Person("bob", UTC, is_guest=False, is_ours=True)
    assert verdict(AccessPolicy(town, users=["bob"]), "mallory") == NAMED
    assert verdict(AccessPolicy(town, users=["bob"], admins=["bob"]), "mallory") == NAMED
