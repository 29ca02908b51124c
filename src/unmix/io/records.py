"""Run records as later steps read them: what they use has the type that the steps write, the rest may be anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from unmix.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


#: mRNA of a cell, in any unit.
_Size = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _of_a_file(name: str) -> str:
    if name in ("", ".", "..") or "/" in name or "\x00" in name:
        raise ValueError(f"{name!r} is no name of a file")
    return name


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Reference(_Part):
    cells: int
    genes: int
    donors: int
    cells_per_type: dict[str, int]


class _Intervals(_Part):
    held_out: str
    pseudobulk: int = 0
    pooled: bool = False
    unknown_from: float | None = None


class _Model(_Part):
    recipe_name: str = ""
    settings: list[str] = []
    quick: bool = False
    seed: int = 0
    reference: _Reference | None = None
    intervals: _Intervals | None = None


class _Method(_Part):
    name: str = ""
    title: str = ""
    family: str = ""
    doi: str = ""
    papers: list[dict[str, Any]] = []


class _Input(_Part):
    path: str = ""
    given: str = ""
    sha256: str = ""
    bytes: int = -1


class _Evaluation(_Part):
    notes: list[str] = []


class _Sizes(_Part):
    source: Literal["published", "epic", "quantiseq", "reference", "table"]
    words: str
    values: dict[str, _Size]
    recognised: dict[str, str] = {}
    unknown: list[str] = []
    candidates: dict[str, dict[str, _Size]]
    states: dict[str, str] = {}


class _Unexpressed(_Part):
    warned: bool
    sentence: str


class _Error(_Part):
    found: str
    expected: str
    do: str


class _Prior(_Part):
    source: str
    fractions: dict[str, float]
    before: dict[str, float]
    after: dict[str, float]


class _Registered(_Part):
    kind: str
    name: str
    version: int


class _Record(_Part):
    step: str = ""
    registry: _Registered | None = None
    command: list[str] = []
    folder: str = ""
    unmix: str = ""
    seed: int = 0
    device: str = ""
    method: _Method | str = ""
    model: _Model | None = None
    inputs: dict[str, _Input] = {}
    outputs: dict[Annotated[str, AfterValidator(_of_a_file)], Any] = {}
    recipe: dict[str, Any] = {}
    level: Annotated[float, Field(ge=0.5, le=0.99)] | None = None
    prior: _Prior | Annotated[dict[str, Any], Field(max_length=0)] = {}
    mrna_per_cell: _Sizes | Annotated[dict[str, Any], Field(max_length=0)] = {}
    members: dict[str, str] = {}
    rule: str = ""
    missing: list[str] = []
    unexpressed: _Unexpressed | Annotated[dict[str, Any], Field(max_length=0)] = {}
    messages: list[str] = []
    versions: dict[str, str] = {}
    machine: dict[str, str] = {}
    evaluation: _Evaluation | None = None
    error: _Error | None = None
    markers: dict[str, list[str]] = {}
    samplesheet: str = ""
    profile: str = ""
    configs: list[str] = []
    row: dict[str, str] = {}
    parameters: dict[str, str] = {}

    @model_validator(mode="after")
    def _members_have_a_rule(self) -> Self:
        if self.members and not self.rule:
            raise ValueError("it has members, and no rule by which they were combined")
        return self


def read(path: Path, *needed: str) -> dict[str, Any]:
    """Return a run record; empty where there is none.

    Raises
    ------
    DataError
        If it is not JSON, lacks one of the parts `needed`, or a part that later steps read is of another type.
    """
    if not path.exists():
        return {}
    try:
        found = _Record.model_validate_json(path.read_bytes()).model_dump(exclude_unset=True)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise _damaged(path, ": ".join([*map(str, fault["loc"]), fault["msg"]])) from error
    if missing := [name for name in needed if name not in found]:
        raise _damaged(path, f"it has no {missing[0]}")
    return found


def _damaged(path: Path, why: str) -> DataError:
    return DataError(f"{path.name} is damaged ({why})", "a run record of unmix", "remove it, or run the step again")
