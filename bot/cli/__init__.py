"""The terminal: a file a command, and `main`, where they meet. Exit code 0 for an answer, else one of these.

What a command needs is imported when it runs, so that `tls-audit --help` waits for none of it.
"""

from typing import Final

BAD_QUESTION: Final = 2
FAILURE: Final = 1
EXIT_FINDINGS: Final = 3
EXIT_UNSURE: Final = 4
"""A zero that is not to be believed; like findings, only for who asks with --fail-on-findings."""
INTERRUPTED: Final = 130
"""128 and the number of SIGINT, as shells have it."""

EXIT_CODES: Final = (
    "Exit codes: 0 an answer, 1 a failure, 2 a bad question; with --fail-on-findings also 3 for findings, "
    "and 4 for a zero that is not to be believed."
)
