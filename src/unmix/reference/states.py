"""Cell states: finer labels that methods estimate, whose sums are the fractions of the cell types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmix.io.text import show

if TYPE_CHECKING:
    import pandas as pd

#: Cells of a label below which its profile is uncertain.
FEW_CELLS = 10


def within_types(obs: pd.DataFrame, messages: list[str], rows: str = "cells") -> pd.Series:
    """Return the cell states so that each belongs to one cell type.

    A cell without a state is of the state that has the name of its type. A state that occurs in several types is
    one state per type, ``TYPE: STATE``.

    Parameters
    ----------
    obs
        Cells with the columns ``cell_type`` and ``cell_state``; ``""`` where there is none.
    messages
        Takes what was changed, as sentences.
    rows
        The word for the cells in these.
    """
    types, states = obs["cell_type"], obs["cell_state"]
    kept = types != ""
    if none := int((kept & (states == "")).sum()):
        messages.append(f"{none:,} {rows} without a state were given the state that has the name of their cell type.")
        states = states.where(states != "", types)
    numbers = types[kept].groupby(states[kept]).nunique()
    if shared := sorted(numbers.index[numbers > 1]):
        states = states.where(~states.isin(shared), types + ": " + states)
        messages.append(f"States that occur in several cell types are separate for each: {show(shared)}.")
    sizes = states[kept].value_counts()
    messages.append(f"{len(sizes)} cell states in {types[kept].nunique()} cell types.")
    if rows == "cells" and (few := sorted(sizes.index[sizes < FEW_CELLS])):
        messages.append(
            f"Warning: fewer than {FEW_CELLS} cells of the states {show(few)}: their fractions are uncertain."
        )
    return states
