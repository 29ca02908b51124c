"""The errors a user may see, each with its exit code and the next thing to type."""

from __future__ import annotations


class UnmixError(Exception):
    """An error that ends a step with a message instead of a traceback.

    Parameters
    ----------
    found
        What was found, with the name of the file, gene, sample or option.
    expected
        What was expected instead.
    do
        What to do or type next.
    """

    exit_code = 1

    def __init__(self, found: str, expected: str = "", do: str = "") -> None:
        self.found, self.expected, self.do = found, expected, do
        super().__init__(found)

    def __str__(self) -> str:
        """Return the message as up to three lines: found, expected, what to do."""
        lines = [self.found]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.do:
            lines.append(f"  do: {self.do}")
        return "\n".join(lines)


class UsageError(UnmixError):
    """An option or argument that cannot be used (exit 2)."""

    exit_code = 2


class DataError(UnmixError):
    """Input data that cannot be used (exit 65)."""

    exit_code = 65


class OutputError(UnmixError):
    """An output that cannot be written: a full or read-only disk, no permission (exit 74)."""

    exit_code = 74


class NotTheSame(UnmixError):
    """A repeated run whose outputs are not those of the first (exit 3)."""

    exit_code = 3


class NotApplicable(UnmixError):
    """A method that is not applicable to this input; a benchmark skips it (exit 99)."""

    exit_code = 99
