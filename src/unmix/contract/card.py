"""The card of a method: literature and advice in a TOML file that stands beside the module of the method."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

#: Text that ends as a sentence does.
Sentence = Annotated[str, StringConstraints(pattern=r"^\S[\s\S]*\.$")]
#: What the card of a method has and that of a control need not have.
OF_METHODS = ("citation", "year", "licence", "original", "chosen")


class Figure(BaseModel):
    """A measured figure, with the command of this repository that measures it again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Sentence
    command: str = Field(min_length=1)


class Info(BaseModel):
    """Literature and advice, for people, Galaxy menus and the report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    """Other names by which users look for the method; an error proposes the method for them."""
    family: Literal["deep", "classical", "control"]
    summary: Sentence
    """What the method does and when to use it."""
    when: tuple[Sentence, ...] = Field(min_length=1)
    """When to use it and when not."""
    comparison: str = Field("", pattern=r"^(\S[\s\S]*\.)?$")
    """Why the method is for comparison with studies or methods only; empty where it is for results."""
    citation: str = ""
    doi: str = Field("", pattern=r"^(10\.\d{4,}/\S+)?$")
    year: int = 0
    licence: str = ""
    """Licence of the original code, which unmix does not contain."""
    original: str = ""
    """What could be compared with the original, and how close this implementation came."""
    chosen: tuple[Sentence, ...] = ()
    """What was chosen where the source is silent or where the default departs from it."""
    tuning: tuple[Figure, ...] = ()

    @model_validator(mode="after")
    def complete(self) -> Self:
        """Check that a method, unlike a control, has its literature."""
        missing = [name for name in OF_METHODS if self.family != "control" and not getattr(self, name)]
        if missing:
            message = f"the card lacks {', '.join(missing)}"
            raise ValueError(message)
        if self.family != "control" and not self.doi and "DOI not found" not in self.citation:
            message = "the card has no doi and its citation does not say 'DOI not found'"
            raise ValueError(message)
        return self


@cache
def read(package: str, name: str) -> Info:
    """Return the card of a method.

    Parameters
    ----------
    package
        That holds the module of the method, and beside it the card.
    name
        Of the method; the file is NAME.toml.

    Raises
    ------
    FileNotFoundError, tomllib.TOMLDecodeError, pydantic.ValidationError
        If there is no card or it is wrong, which is a bug of the method.
    """
    return Info.model_validate(tomllib.loads(resources.files(package).joinpath(f"{name}.toml").read_text("utf-8")))


class Card:
    """The attribute `info` of methods: the card of the class, read when it is first asked for."""

    def __get__(self, instance: Any, method: Any) -> Info:
        """Return the card."""
        return read(method.__module__.rpartition(".")[0], method.name)
