"""What an agent string says of its client.

Agents come in two grammars: product tokens (`Boto3/1.26.0 Python/3.9.0 Linux/5.10 …`) and `ua/2.x`
(`aws-sdk-go-v2/1.32.3 os/linux lang/go#1.23.1 …`, first written with slashes). S3 writes them in
brackets, two of them may be joined, CloudTrail cuts at 1 KB, and some have lost their blanks.

The sender chose the string, so it is what the client *calls itself*: `bot.clients.fixes.contradiction`
tells where its own handshake says otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, get_args

from bot.clients.data import table
from bot.clients.likes import like_any

Kind = Literal["sdk", "tool", "browser", "aws", "service", "custom", "ai-agent", "none"]
Group = Literal["ours", "aws", "strangers"]

KINDS: Final = get_args(Kind)

_VERSION: Final = r"v?\d+(?:\.\d+)*(?:[.-]?(?:rc|alpha|beta|preview|rtm|dev|snapshot)[.\w]*)?"
_NUMBER: Final = r"\d+(?:[._]\d+)*(?:(?:a|b|rc)\d+)?(?:-(?:rtm|preview|rc)[\d.]*)?"
_LONGEST: Final = 4096
"""CloudTrail cuts agents at 1 KB; what a longer string says further behind is not read."""

_BEFORE_SDK: Final = 64
"""A program's name before that of its SDK is short; what is longer is something else."""


@dataclass(frozen=True, slots=True)
class Client:
    """A client as it calls itself; None is what its agent does not say.

    `sdk` and its version are as they stand in the agent: of the SDK, or else of the tool. `os` is the name
    and version of the operating system, `runs_in` the place (`Lambda`, `ECS`, `EKS`, `EC2`, `CI`,
    `CloudShell`, `console`, or another name that the agent gives its environment), `app` the name of the
    program that uses the SDK, `credentials` in words where they come from.
    """

    agent: str
    kind: Kind
    sdk: str | None = None
    sdk_version: str | None = None
    language: str | None = None
    language_version: str | None = None
    os: str | None = None
    runs_in: str | None = None
    app: str | None = None
    http_client: str | None = None
    credentials: tuple[str, ...] = ()
    installer: str | None = None
    terraform: str | None = None
    terraform_provider: str | None = None

    @property
    def group(self) -> Group:
        """Whose it is by its agent alone. A caller without an identity is a stranger whatever it says."""
        if self.kind in {"aws", "service"}:
            return "aws"
        return "strangers" if self.kind == "browser" else "ours"

    @property
    def name(self) -> str:
        """What it calls itself, for a headline: `Boto 2.49.0, Python 2.7.5 on Linux 3.10.0`."""
        if self.kind == "none":
            return "no agent"
        if self.sdk is None:
            return self.app or self.agent.strip()
        said = f"{self.sdk} {self.sdk_version}" if self.sdk_version else self.sdk
        if self.language and self.language_version:
            said += f", {self.language} {self.language_version}"
        if self.os:
            said += re.sub(r"( \d+(?:\.\d+)*).*", r"\1", f" on {self.os}")
        return said


def read(agent: str | None) -> Client:
    """What `agent` says; any text is an agent, also none. Nothing is raised for one."""
    said = agent or ""
    text = said[:_LONGEST].strip().removeprefix("[").removesuffix("]").strip()
    if text in {"", "-"}:
        return Client(said, "none")
    if _SERVICE.fullmatch(text):
        place = "console" if text.startswith(("console.", "signin.")) else None
        return Client(said, "service", runs_in=place)
    sdk, version, at = _sdk(text)
    language, language_version = _language(text)
    return Client(
        agent=said,
        kind=_kind(said, text, sdk),
        sdk=sdk,
        sdk_version=version,
        language=language,
        language_version=language_version,
        os=_os(text),
        runs_in=_place(said, text),
        app=_app(text, at),
        http_client=_first(_HTTP, text),
        credentials=_credentials(text),
        installer=_first(_INSTALLER, text),
        terraform=_first(_TERRAFORM, text),
        terraform_provider=_first(_PROVIDER, text),
    )


def is_aws(agent: str) -> bool:
    """Whether `agent` is one of AWS's own callers, which call for a customer."""
    return like_any(agent, aws_marks())


@cache
def aws_marks() -> tuple[str, ...]:
    """LIKE patterns of the agents of AWS's own callers."""
    return tuple(table("names")["aws"])


def version_key(version: str | None) -> tuple[int, ...] | None:
    """The numbers of a version, to compare by; None where it begins with none."""
    found = re.match(r"v?(\d+(?:[._]\d+)*)", version or "")
    return tuple(int(number) for number in re.split(r"[._]", found[1])[:8]) if found else None


_SERVICE: Final = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?", re.ASCII)
_BROWSER: Final = re.compile(r"(SRPS/)?(Mozilla|Opera)/", re.ASCII)
_HTTP: Final = re.compile(r"\b(?:md/)?http[#/]([\w.-]+)|\b(GuzzleHttp/[\d.]+)", re.ASCII)
_INSTALLER: Final = re.compile(r"\bmd/installer#([\w-]+)|(?<![\w/#-])(exe|source|source-sandbox)/", re.ASCII)
_TERRAFORM: Final = re.compile(r"\bTerraform/([\w.-]+)", re.ASCII)
_PROVIDER: Final = re.compile(r"\bterraform-provider-aws/([\w.-]+)", re.ASCII)
_FEATURES: Final = re.compile(r"(?:^|\s)m/([\w,]+)", re.ASCII)
_EXEC_ENV: Final = re.compile(r"\bexec-env/([^\s\],;]+)")
_APP: Final = re.compile(r"(?:^|\s)(?:app/([^\s\]]+)|lib/([^\s\]#]+))")
_PREFIX: Final = re.compile(r"([A-Za-z][\w.-]*)(?:[/ ][\w.-]+)?,?\s*", re.ASCII)
_PRODUCT: Final = re.compile(rf"([A-Za-z][\w.-]*)/({_VERSION})", re.ASCII)

_LANG: Final = re.compile(rf"lang/([A-Za-z.][A-Za-z_.+]*)(?:[#/]({_NUMBER})|(?=\s|\]|$))", re.ASCII)
_LANGUAGES: Final = {
    "go": "Go",
    "python": "Python",
    "java": "Java",
    "js": "Node",
    "php": "PHP",
    "ruby": "Ruby",
    "rust": "Rust",
    "swift": "Swift",
    "kotlin": "Kotlin",
    ".net_core": ".NET",
    ".net": ".NET",
    ".net_framework": ".NET",
}
_RUNTIMES: Final = tuple(
    (language, re.compile(pattern, re.ASCII))
    for language, pattern in (
        ("Go", r"\(go(1[\w.]*)"),
        ("Python", rf"(?<![A-Za-z_-])Python/({_NUMBER})"),
        ("Node", rf"md/nodejs[#/]({_NUMBER})"),
        ("Node", r"\b(?:linux|win32|darwin|freebsd|sunos|aix)/v(\d[\w.-]*)"),
        ("Node", r"(?<![\w-])Node/v?(\d[\w.-]*)"),
        ("Java", rf"(?<![A-Za-z_-])[Jj]ava/({_NUMBER}(?:[+-][\w.]+)*)"),
        ("Java", r"VM/[^\s/]+/(\d[\w.]*)"),
        ("Java", r"\bOpenJDK/(\d[\w.+-]*)"),
        (".NET", r"\.NET[_ ]Core[/#](\d[\w.-]*)"),
        (".NET", r"\.NET[_ ]Framework[/#](\d[\w.-]*)"),
        (".NET", r"\.NET[_ ]Runtime[/#](\d[\w.-]*)"),
        ("Ruby", r"(?<![\w-])ruby/(\d[\w.-]*)"),
        ("PHP", r"(?<![\w-])PHP/(\d[\w.+-]*)"),
        ("Rust", r"(?<![\w-])rust/(\d[\w.-]*)"),
    )
)
_SYSTEMS: Final = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"\bos/([A-Za-z]\w*?)(?:[#/](\d[^\s\]]*))?(?=[\s\]]|$)",
        r"\bOS/([A-Za-z]+)[/#](\d[^\s\]]*)",
        r"(?<![A-Za-z_/.#-])(Linux|Darwin|Windows|Mac_OS_X|iOS|Android|FreeBSD|SunOS|AIX)/([^\s\]]+)",
        r"\(go1[\w.]*;\s*([a-z0-9]+)()",
        r"\b(linux|win32|darwin|freebsd|sunos|aix)/v()\d",
        r"\((Windows) (NT [\d.]+)",
        r"\(Macintosh; (?:Intel )?(Mac OS X) ([\d_.]+)",
        r"\(X11; (?:\w+; )?(Linux)()",
        r"\((linux|windows|darwin); ()",
        r" (linux|windows|macos)()$",
    )
)
_DOTNET_SYSTEM: Final = re.compile(r"\bOS/([^\s\];]+)")


@cache
def _names() -> dict[str, re.Pattern[str]]:
    names = table("names")
    version = rf"/({_VERSION}|\$\{{[^}}]*\}})?"
    return {
        "sdk": re.compile(f"({'|'.join([*names['sdk'], *names['tool']])}){version}", re.ASCII | re.I),
        "named": re.compile(rf"(aws-sdk-[\w-]+){version}", re.ASCII | re.I),
        "carrier": re.compile(rf"(?<![\w-])({'|'.join(names['carrier'])}){version}", re.ASCII | re.I),
        "tool": re.compile("|".join([*names["tool"], *names["carrier"]]), re.ASCII | re.I),
        "app": re.compile(rf"(?<![A-Za-z0-9])({'|'.join(names['app'])})", re.ASCII),
        "ai-agent": re.compile("|".join(map(re.escape, names["ai_agent"]))),
    }


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return next((group for group in found.groups() if group), None) if found else None


def _sdk(text: str) -> tuple[str | None, str | None, int]:
    """The name and version of the SDK or else the tool, and where in `text` it stands (0 where nowhere)."""
    for kind in ("sdk", "named", "carrier"):
        if found := _names()[kind].search(text):
            return found[1], found[2], found.start()
    if not _BROWSER.match(text) and not is_aws(text) and (found := _PRODUCT.match(text)):
        return found[1], found[2], 0
    return None, None, 0


def _kind(said: str, text: str, sdk: str | None) -> Kind:
    if is_aws(said):
        return "aws"
    names = _names()
    if names["ai-agent"].search(text):
        return "ai-agent"
    if names["sdk"].search(text):
        is_tool = bool(sdk and names["tool"].fullmatch(sdk)) or _TERRAFORM.search(text)
        return "tool" if is_tool else "sdk"
    if _BROWSER.match(text):
        return "browser"
    if sdk and names["carrier"].search(text):
        return "sdk" if sdk.lower() == "botocore" else "tool"
    return "custom"


def _language(text: str) -> tuple[str | None, str | None]:
    if found := _LANG.search(text):
        language = _LANGUAGES.get(found[1].lower(), found[1])
        if found[2]:
            return language, found[2].rstrip(".-+")
        if language != "Node":
            return language, None
    for language, pattern in _RUNTIMES:
        if runtime := pattern.search(text):
            return language, runtime[1].rstrip(".-+") or None
    return ("JavaScript", None) if found else (None, None)


def _os(text: str) -> str | None:
    for pattern in _SYSTEMS:
        if found := pattern.search(text):
            version = (found[2] or "").rstrip(".")
            if pattern is _SYSTEMS[6]:
                version = version.replace("_", ".")
            return f"{found[1].replace('_', ' ')} {version}".strip()
    if found := _DOTNET_SYSTEM.search(text):
        # .NET writes uname's answer, with underscores for blanks
        return re.sub("_(?!64)", " ", re.split("_#|_Darwin_Kernel", found[1])[0]).strip(".: ") or None
    return None


def _place(said: str, text: str) -> str | None:
    if found := _EXEC_ENV.search(text):
        places: dict[str, str] = table("names")["runs_in"]
        return next((place for name, place in places.items() if found[1].startswith(name)), found[1])
    if "md/instance#" in text:
        return "EC2"
    if "github-actions" in text.lower():
        return "CI"
    if is_aws(said) and re.search(r"Console|Signin", text):
        return "console"
    return None


def _app(text: str, at: int) -> str | None:
    """The program's own name: told as `app/` or `lib/`, one that is known, or what stands before the SDK."""
    if said := _first(_APP, text):
        return said
    if found := _names()["app"].search(text):
        return found[1]
    before = text[:at].strip()
    if before and len(before) <= _BEFORE_SDK and not is_aws(text) and not _BROWSER.match(text):
        prefix = _PREFIX.fullmatch(f"{before} ")
        return prefix[1] if prefix else None
    return None


def _credentials(text: str) -> tuple[str, ...]:
    found = _FEATURES.search(text)
    if not found:
        return ()
    known: dict[str, str] = table("names")["credentials"]
    return tuple(dict.fromkeys(known[letter] for letter in found[1].split(",") if letter in known))
