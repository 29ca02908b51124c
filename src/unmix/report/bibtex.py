"""Citations of the methods text as BibTeX."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How the cards write an article: authors, title, journal with volume and pages, year.
_ARTICLE = re.compile(
    r"(?P<authors>[^.:]+?)\. (?P<title>.+)\. (?P<journal>[^.\d]+?) (?P<volume>\d+)(?:, (?P<pages>[\w-]+))? "
    r"\((?P<year>\d{4})\)\.?"
)
_YEAR = re.compile(r"\((\d{4})\)")


def bibtex(references: Sequence[tuple[str, str]]) -> str:
    """Return an entry for every citation and its DOI; a citation of another form goes into ``note`` as it is."""
    taken: set[str] = set()
    return "\n\n".join(_entry(citation, doi, taken) for citation, doi in references)


def _entry(citation: str, doi: str, taken: set[str]) -> str:
    found = _ARTICLE.fullmatch(citation.strip())
    year = found["year"] if found else (_YEAR.findall(citation) or [""])[-1]
    key = _key(citation, year, taken)
    if found:
        fields = {"author": _authors(found["authors"]), "title": f"{{{_escaped(found['title'])}}}"}
        fields |= {name: _escaped(found[name] or "") for name in ("journal", "volume", "pages")}
        fields["pages"] = fields["pages"].replace("-", "--")
    else:
        fields = {"note": _escaped(citation)}
    fields |= {"year": year, "doi": doi}
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{'article' if found else 'misc'}{{{key},", *lines, "}"])


def _authors(text: str) -> str:
    """Return ``Family, I. N. and others`` of ``Family IN et al``."""
    listed = text.removesuffix(" et al")
    people = [_person(one) for one in listed.split(", ")]
    return " and ".join([*people, "others"] if listed != text else people)


def _person(name: str) -> str:
    family, _, initials = name.rpartition(" ")
    if family and re.fullmatch(r"[A-Z-]+", initials):
        return f"{_escaped(family)}, {' '.join(f'{letter}.' for letter in initials if letter != '-')}"
    return _escaped(name)


def _key(citation: str, year: str, taken: set[str]) -> str:
    """Return the first family name and the year; a letter where another entry has both."""
    plain = unicodedata.normalize("NFKD", citation.split()[0]).encode("ascii", "ignore").decode()
    key = (re.sub(r"[^A-Za-z]", "", plain) or "unmix").lower() + year
    letters = iter("bcdefghijklmnopqrstuvwxyz")
    own = key
    while own in taken:
        own = key + next(letters)
    taken.add(own)
    return own


def _escaped(text: str) -> str:
    return re.sub(r"([&%$#_{}])", r"\\\1", text)
