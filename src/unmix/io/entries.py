"""What the registry says of its entries: the recipe of a reference, the method of a model, what a building found."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class File(_Part):
    """A public file: at an address (https), or in a Python package; `name` is what it is called here.

    `size` (bytes) and `sha256` are those that its host or others state, where they do.
    """

    url: str = Field("", pattern="^(https://.*)?$")
    member: str = ""
    name: str = ""
    size: int = 0
    sha256: str = Field("", pattern="^([0-9a-f]{64})?$")

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: dict[str, str]) -> dict[str, str]:
        if bool(given.get("url")) == bool(given.get("member")):
            raise ValueError("a public file has an address or is a member of a package")
        return {"name": Path(given.get("url") or given["member"]).name, **given}


class Source(_Part):
    """The public files from which a reference is built.

    `annotation` is a table of the cells, where the files hold none. `layout` names the schema that they must keep.
    """

    licence: str
    page: str = Field("", pattern="^(https://.*)?$")
    package: str = ""
    package_version: str = ""
    layout: Literal["", "cellxgene"] = ""
    files: tuple[File, ...]
    annotation: File | None = None

    @property
    def all_files(self) -> tuple[File, ...]:
        """The files and the table of the cells."""
        return (*self.files, *filter(None, [self.annotation]))


class Recorded(_Part):
    """What the first building of a reference found: sha256 of each of its files, cells and donors."""

    files: dict[str, str]
    cells: int
    donors: int


class _Entry(_Part):
    version: int
    url: str = Field("", pattern="^(https://.*)?$")
    sha256: str = Field("", pattern="^([0-9a-f]{64})?$")

    @model_validator(mode="after")
    def _published_with_a_checksum(self) -> Self:
        if bool(self.url) != bool(self.sha256):
            raise ValueError("a published entry has an address and a sha256, others have neither")
        return self


class Reference(_Entry):
    """A prepared reference, and its recipe: options of unmix_reference.py, and new names of the labels."""

    title: str
    tissue: str
    species: Literal["human", "mouse", "rat"]
    assay: str
    licence: str
    citation: str
    types: tuple[str, ...]
    advice: str
    source: Source
    options: dict[str, str | int | dict[str, list[str]]]
    label_map: dict[str, str]


class Model(_Entry):
    """A method that was trained on a reference of the registry, with seed 0 and its default recipe.

    `genes` are those it learns from: ``orthologs`` are the human genes with one ortholog in mouse. Nearly all of them
    code for proteins, so that most bulks have them.
    """

    reference: str
    method: str
    genes: Literal["all", "orthologs"] = "all"


class Registry(_Part):
    """The whole file."""

    format: Literal[1]
    references: dict[str, Reference]
    models: dict[str, Model]

    @model_validator(mode="after")
    def _models_have_a_reference(self) -> Self:
        if lost := [name for name, one in self.models.items() if one.reference not in self.references]:
            raise ValueError(f"{lost[0]}: no such reference")
        return self
