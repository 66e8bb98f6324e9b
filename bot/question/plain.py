"""Plain questions, as `who is still on tls 1.1 last week`, put into the words of the grammar by rules.

Every word must mean something here, or be known to mean nothing (`FILLERS` of `vocabulary`): a question of
which a word is not understood is not read at all, for the word may have been the one that mattered, as `not`
or `first`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bot.question import filters, versions, vocabulary
from bot.question.filters import FILTERS, BadValue
from bot.question.tokens import quoted, tokens, unquoted
from bot.question.vocabulary import COUNTS, FILLERS, view_named
from bot.question.window import belongs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

MOST_WORDS: Final = 60
"""A longer text is no question that somebody typed into one line."""
WINDOW_WORDS: Final = 10
"""No window is longer."""
NAME_WORDS: Final = 8
"""No account's name has more, as a rule."""
USUAL_NEW: Final = ("today", "last 7d", "last 30d")
"""What is new shows only beside what was there before: the days of a question, or more of them."""

_OVER = r"eol|unsupported|(?:end|out)[\s-]of[\s-](?:life|support)"
_NUMBER = rf"(?:[0-9]{{1,7}}|{'|'.join(COUNTS)})"
_SPELLED_COUNT = re.compile(
    rf"\b(?:{'|'.join(COUNTS)})(?=\s+(?:minute|hour|day|week|month|year)s\b)", re.IGNORECASE
)
_OPTION = re.compile(r"(?<!\S)--?(?=[A-Za-z])")


def read(
    text: str,
    *,
    views: Collection[str],
    names: Mapping[str, tuple[str, ...]],
    windows: Callable[[str], tuple[str, ...]],
) -> tuple[tuple[str, ...], str]:
    """`text`, tidied, in the words of the grammar: once, or as often as it can be meant; nothing if it is not
    understood, and then the first word that is not, where the text is a sentence.

    `names` has what may be said by its name alone, in small letters, and `windows` gives the windows that
    some words name, likewise.
    """
    text = _SPELLED_COUNT.sub(lambda found: str(COUNTS[found[0].lower()]), text)
    text = unquoted(text, lambda piece: _OPTION.sub("", versions.in_words(piece)))
    pairs: list[str] = []
    words: list[str] = []
    for token in tokens(text.replace("’", "'")):
        if token.values:
            words.append(f"\x00{len(pairs)}")
            pairs.append(text[token.start : token.end])
        else:
            words.append(token.text)
    if len(words) > MOST_WORDS or all(word.lower() in vocabulary.GREETINGS for word in words):
        return (), ""
    reader = _Reader(" ".join(words), pairs, views, names, windows)
    if reader.understands():
        return reader.readings(), ""
    return (), reader.stuck if any(word.lower() in FILLERS for word in words) else ""


@dataclass(slots=True)
class _Reader:
    """One text on its way, from left to right."""

    text: str
    pairs: list[str]
    views: Collection[str]
    names: Mapping[str, tuple[str, ...]]
    windows: Callable[[str], tuple[str, ...]]
    at: int = 0
    words: list[str] = field(default_factory=list)
    """Words of the grammar."""
    grouped: list[str] = field(default_factory=list)
    """Views asked for by `by` or `per`."""
    named: list[str] = field(default_factory=list)
    """Views that are only named."""
    spans: list[tuple[str, ...]] = field(default_factory=list)
    either: list[tuple[str, ...]] = field(default_factory=list)
    """What may be meant in more than one way."""
    last: str = ""
    """The word of the last filter, as `service=` or `service!=`, which `or kms` goes on with."""
    is_new: bool = False
    stuck: str = ""
    """The first word that is not understood."""

    def understands(self) -> bool:
        """Whether every word has its meaning."""
        while self.at < len(self.text):
            for rule in (
                self._pair,
                self._versions,
                self._window,
                self._weak,
                self._top,
                self._filter,
                self._named,
                self._view,
                self._filler,
            ):
                if rule():
                    break
            else:
                word = self.text[self.at :].split(" ")[0]
                self.stuck = "" if self._is_known(word) else word
                return False
            if rule not in (self._pair, self._filter):
                self.last = ""
            self._skip()
        return len(self.spans) < 2

    def readings(self) -> tuple[str, ...]:
        """What was understood, in the grammar's words: one text, or two."""
        alone = [view for view in self.named if view in vocabulary.VIEWS_OF_THEIR_OWN]
        views = tuple(dict.fromkeys([*self.grouped, *alone] if self.grouped else self.named))
        either = [tuple(f"by={view}" for view in views)] if views else []
        if self.is_new:
            if views:
                return ()
            (span,) = self.spans[0] if self.spans else USUAL_NEW[:1]
            longer = next(each for each in USUAL_NEW[1:] if each != span)
            either += [(f"{span} by=findings", f"{longer} by=findings")]
        elif self.spans:
            either += [self.spans[0]]
        either += self.either
        if sum(len(each) > 1 for each in either) > 1 or any(len(each) > 2 for each in either):
            return ()
        made = [""]
        for each in [*either, *((word,) for word in dict.fromkeys(self.words))]:
            made = [f"{text} {way}".strip() for text in made for way in each]
        return tuple(made)

    # --- rules: each takes what it understands from `at` on, or nothing

    def _take(self, pattern: str) -> re.Match[str] | None:
        found = re.compile(rf"(?:{pattern})(?=\s|$)", re.IGNORECASE).match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def _pair(self) -> bool:
        found = self._take(r"\x00([0-9]+)")
        if found:
            raw = self.pairs[int(found[1])]
            self.words.append(raw)
            word = re.match(r"([^=!\s]+)\s*(!?)=", raw)
            self.last = f"{word[1].lower()}{word[2]}=" if word else ""
            return True
        more = self.last and self._take(r"(?:or|and)\s+((?!and\b|or\b)[^\x00\s]+)(?!\s+(?:or|and)\s+older)")
        if more and self.last.rstrip("!=") in FILTERS and not self._is_known(more[1]):
            try:
                filters.read(self.last.rstrip("!="), more[1])
            except BadValue:
                pass
            else:
                self.words.append(f"{self.last}{quoted(more[1])}")
                return True
        if more:
            self.at = more.start()
        return False

    def _is_known(self, word: str) -> bool:
        lower, guessed = word.lower(), filters.guess(word)
        if guessed:
            return guessed != self.last.rstrip("!=")
        return (
            bool(view_named(word, self.views))
            or belongs(word)
            or any(lower in known for known in (FILLERS, vocabulary.NEGATIONS, vocabulary.NEAR_MISSES))
        )

    def _versions(self) -> bool:
        start = self.at
        ways = versions.read(self._take)
        if not ways:
            self.at = start
            return False
        if len(ways) > 1:
            self.either.append(ways)
        else:
            self.words += ways
        return True

    def _window(self) -> bool:
        words = self.text[self.at :].split()[:WINDOW_WORDS]
        for count in range(len(words), 0, -1):
            span = " ".join(words[:count])
            if found := self.windows(span):
                self.spans.append(found)
                self.at += len(span)
                return True
        return False

    def _weak(self) -> bool:
        if self._take(r"weak\s+(?:tls\s+)?(?:cipher[\s-]?suites?|ciphers?|suites?)"):
            self.words.append("cipher=weak")
            return True
        quantum = r"(?:post[\s-]quantum|pqc?|quantum[\s-]safe)(?:\s+(?:tls|crypto|key\s+exchange))?"
        if self._take(
            rf"(?:{vocabulary.NOT}|without|no){vocabulary.BETWEEN_NOT}{quantum}(?:\s+yet)?"
        ) or self._take(r"classical\s+(?:kx|key[\s-]exchange)"):
            self.words.append("kx=classical")
            return True
        if self._take(
            rf"(?:an?\s+)?(?:{_OVER})(?:\s+sdks?)?|(?:an?\s+)?sdks?\s+(?:that\s+(?:is|are)\s+)?(?:{_OVER})"
        ):
            self.words.append("sdk=eol")
            return True
        if self._take(r"(?:is\s+|anything\s+|what's\s+|who's\s+)?new"):
            self.is_new = True
            return True
        if self._take(r"private(?:ly)?"):
            self.words.append("private")
            return True
        return False

    def _top(self) -> bool:
        worst = "worst|biggest|busiest|largest|noisiest"
        found = self._take(rf"(?:the\s+)?(?:top|{worst})[\s:]+({_NUMBER})") or self._take(
            rf"(?:the\s+)?({_NUMBER})\s+(?:top|{worst})"
        )
        if found:
            count = found[1].lower()
            self.words.append(f"top={COUNTS.get(count, count)}")
            return True
        return self._take(rf"(?:the\s+)?(?:{worst}|top)(?=\s+[a-z]+s\b)") is not None  # `top clients`

    def _filter(self) -> bool:
        start = self.at
        excluded = self._take(vocabulary.EXCEPT) is not None
        if excluded:
            self._skip()
        taken = 0
        while True:
            # `service s3`, `service:s3`, and what tells by itself which filter it is
            word = self._take(rf"({'|'.join((*FILTERS, 'source', 'acct'))})(?:\s*:\s*|\s+)([^\x00\s]+)")
            value = (
                word
                or self._take(
                    r"(" + "|".join(name.replace(" ", r"\s+") for name in vocabulary.SPOKEN_SERVICES) + r")"
                )
                or self._take(r"([^\x00\s]+)")
            )
            if value is None or not self._say(value, excluded=excluded):
                self.at = value.start() if value else self.at
                break
            taken += 1
            after = self.at
            self._skip()
            if excluded and self._take("or|and|nor"):
                self._skip()
                continue
            self.at = after
            if not excluded:
                break
            self._skip()
        if not taken:
            self.at = start
            return self._name_of(vocabulary.OWN_NAME, r"(?:role|user|principal)\s*:?\s+", "principal") or (
                self._name_of(vocabulary.CALL, "", "event")
            )
        return True

    def _name_of(self, pattern: str, before: str, word: str) -> bool:
        """A name that tells by its looks what it is of: `role nightly-export`, `PutObject`."""
        start = self.at
        excluded = self._take(vocabulary.EXCEPT) is not None
        self._skip()
        found = self._take(f"{before}({pattern})")
        if found is None or view_named(found[1], self.views):
            self.at = start
            return False
        self.last = f"{word}{'!' if excluded else ''}="
        self.words.append(f"{self.last}{quoted(found[1])}")
        return True

    def _skip(self) -> None:
        while self.text[self.at : self.at + 1] == " ":
            self.at += 1

    def _say(self, value: re.Match[str], *, excluded: bool) -> bool:
        is_named = value.re.groups == 2
        text = value[2] if is_named else value[1]
        lower = " ".join(text.lower().split())
        text = vocabulary.SPOKEN_SERVICES.get(lower, text)
        if is_named:
            word = {"source": "service", "acct": "account"}.get(value[1].lower(), value[1].lower())
            if FILTERS[word].is_free_text or view_named(text, self.views) or lower in FILLERS:
                return False
        elif lower in vocabulary.SPOKEN_SERVICES:
            word = "service"
        elif lower in vocabulary.AGENT_NAMES:
            word, text = "agent", lower
        elif lower in vocabulary.ORDINARY_SERVICES or not (word := filters.guess(text)):
            return False
        if excluded and word == "version":
            return False  # `used 1.0 but not 1.1` is about people; a filter is about calls
        try:
            filters.read(word, text)
        except BadValue:
            return False
        self.last = f"{word}{'!' if excluded else ''}="
        self.words.append(f"{self.last}{quoted(text)}")
        return True

    def _named(self) -> bool:
        """A store or an account, by its name alone."""
        start = self.at
        excluded = self._take(vocabulary.EXCEPT) is not None
        self._skip()
        of_account = self._take(r"(?:acct|account)\s*:?(?=\s)") is not None
        self._skip()
        words = self.text[self.at :].split()[:NAME_WORDS]
        for count in range(len(words), 0, -1):
            span = " ".join(words[:count])
            ways = [
                way
                for way in self.names.get(span.lower(), ())
                if way.startswith("account=") or not of_account
            ]
            if excluded:
                ways = [way.replace("=", "!=", 1) for way in ways if way.startswith("account=")]
            if ways:
                self.either.append(tuple(ways))
                self.at += len(span)
                self._take(r"\s+(?:acct|account)")
                return True
        self.at = start
        return False

    def _view(self) -> bool:
        if self._take(
            r"what\s+(?:should|must|do|does)\s+(?:i|we)\s+(?:have\s+to\s+|need\s+to\s+)?"
            r"(?:upgrade|fix|update|patch)(?:\s+first)?"
        ) or self._take(
            r"what\s+(?:needs|has)\s+(?:upgrading|fixing|updating|patching|to\s+be\s+(?:upgraded|fixed|updated))"
        ):
            return self._show("clients")
        if self._take(r"(?:tls\s+)?versions(?:\s+(?:per|by)\s+service)?") and "versions" in self.views:
            return self._show("versions")
        if self._take(
            r"(?:single|individual|(?:show(?:\s+me)?|list)(?:\s+(?:all|the))*)\s+(?:requests|events)"
        ):
            return self._show("requests")
        if self._take(r"user[\s-]?agents?"):
            return self._show("clients")
        if self._take(r"over\s+time|each\s+day|every\s+day|day\s+by\s+day"):
            return self._show("trend")
        start = self.at
        if found := self._take(
            r"(?:(?:grouped?|split|broken\s+down|sorted|listed)\s+)?(?:by|per|for\s+each|view[\s:]+)\s*(?:the\s+)?([a-z-]+)"
        ):
            view = view_named(found[1], self.views)
            if view:
                self.grouped.append(view)
                before = self.at
                more = self._take(r"\s+(?:and|,|/|then)\s+(?:by\s+)?([a-z-]+)")
                other = view_named(more[1], self.views) if more else ""
                if other:
                    self.grouped.append(other)  # one answer has one view: its asker chooses
                else:
                    self.at = before
                return True
            self.at = start
        if found := self._take(r"where(?:\s+from)?|from\s+where|from\s+which\s+(?:ips|addresses)"):
            return self._show("addresses")
        found = self._take(r"[a-z][a-z-]*(?:'s)?")
        if found is None:
            return False
        word = found[0].lower().removesuffix("'s")
        view = view_named(word, self.views)
        if view and (word not in FILLERS and word not in {"calls", "time", "key", "keys", "day", "days"}):
            return self._show(view)
        self.at = start
        return False

    def _show(self, view: str) -> bool:
        if view not in self.views:
            return False
        self.named.append(view)
        return True

    def _filler(self) -> bool:
        found = self._take(r"[a-z'&/-]+")
        if found is None:
            return False
        is_filler = found[0].lower() in FILLERS or found[0] in {"&", "/", "-"}
        self.at = self.at if is_filler else found.start()
        return is_filler
