"""Retries: calls that Slack refused for now are made again, those that may have taken effect are not."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from slack_sdk import WebClient
from slack_sdk.http_retry.handler import RetryHandler

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_sdk.errors import SlackApiError
    from slack_sdk.http_retry.request import HttpRequest
    from slack_sdk.http_retry.response import HttpResponse
    from slack_sdk.http_retry.state import RetryState

RETRIES: Final = 5
"""How often a call that Slack refused for now is made again."""

ONCE: Final = ("chat.postMessage", "chat.postEphemeral", "files.completeUploadExternal")
"""Calls that others see: of one that failed at Slack's side, nobody knows whether it was carried out."""

TOO_MANY: Final = 429
FAILED: Final = 500

SOON_SECONDS: Final = 1.0
"""For how long a call is refused where Slack does not say."""

LONGEST_SECONDS: Final = 300
"""Whoever waits longer is better off beginning anew."""


def _seconds(after: str) -> float:
    """The seconds of a `Retry-After`, at most `LONGEST_SECONDS`; 0 where it says none, as a date does."""
    try:
        seconds = float(after)
    except ValueError:
        return 0.0
    # what is no number compares as false
    return min(seconds, float(LONGEST_SECONDS)) if seconds > 0 else 0.0


def _and_a_little(seconds: float) -> float:
    """More, so that not everyone comes back at once."""
    return seconds + random.random()  # noqa: S311 - nothing secret


def leaving_limits(client: WebClient) -> WebClient:
    """The same client, but one whose caller waits where a call is refused for coming too often."""
    handlers = [
        each.leaving_limits() if isinstance(each, RetryLater) else each for each in client.retry_handlers
    ]
    return WebClient(
        client.token,
        base_url=client.base_url,
        timeout=client.timeout,
        ssl=client.ssl,
        retry_handlers=handlers,
    )


def refused_seconds(error: SlackApiError) -> float | None:
    """For how long a call is refused that came too often; None where it was refused for another reason."""
    if error.response.status_code != TOO_MANY:
        return None
    headers = {name.lower(): value for name, value in error.response.headers.items()}
    return _and_a_little(_seconds(str(headers.get("retry-after", ""))) or SOON_SECONDS)


class RetryLater(RetryHandler):
    """Waits as long as Slack says after a 429, and ever longer after a failure of Slack's own.

    A cut connection is not retried at all: the call may have been carried out.
    """

    def __init__(
        self,
        pause: Callable[[float], None],
        on_refusal: Callable[[str, str], None],
        *,
        bears_limits: bool = True,
    ) -> None:
        """`pause` waits; `on_refusal` hears of each refusal: the method, and `ratelimited` or the status.
        Without `bears_limits`, a 429 is the caller's to wait out."""
        super().__init__(max_retry_count=RETRIES)
        self._pause = pause
        self._on_refusal = on_refusal
        self._bears_limits = bears_limits

    def leaving_limits(self) -> RetryLater:
        """The same, but a 429 is the caller's."""
        return RetryLater(self._pause, self._on_refusal, bears_limits=False)

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        del state, error
        if response is None:
            return False
        method = request.url.partition("?")[0].rsplit("/", 1)[-1]
        if response.status_code == TOO_MANY:
            self._on_refusal(method, "ratelimited")
            return self._bears_limits
        if response.status_code >= FAILED:
            self._on_refusal(method, str(response.status_code))
            return method not in ONCE
        return False

    def prepare_for_next_attempt(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> None:
        """Wait before the call is made again."""
        del request, error
        headers = (
            {} if response is None else {name.lower(): value for name, value in response.headers.items()}
        )
        after = headers.get("retry-after", ["0"])
        seconds = _seconds(after[0] if isinstance(after, list) else after) or 2**state.current_attempt
        self._pause(_and_a_little(seconds))
        state.next_attempt_requested = True
        state.increment_current_attempt()
