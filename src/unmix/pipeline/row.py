"""What one run is given: the columns of a row of the samplesheet and the parameters of the pipeline, with defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Row:
    """One bulk data set, as a row of the samplesheet describes it (assets/schema_input.json).

    Attributes
    ----------
    bulk, unit
        Bulk samples and their unit.
    reference, reference_kind
        Reference, and what it contains: ``cells`` or ``profiles``.
    cells
        Table that annotates the cells (or profiles) of a reference without annotation.
    cell_type_key
        Column of cell types. None: a reference of ``unmix_reference.py`` is used unchanged, in others it is
        ``cell_type``.
    cell_state_key, donor_key, label_map
        Columns of cell states and donors, and other names of the cell types.
    cell_type_tree
        Source or table of groups of the cell types.
    truth
        Known fractions.
    calibration_bulk, calibration_unit, calibration_fractions
        Calibration samples, their unit and their known fractions.
    malignant
        Malignant cell types, separated by commas.
    signature, gene_sets, pretrained
        Published files: PATH or METHOD=PATH, several between semicolons.
    ontology
        Ontology of the cell types.
    orthologs, gene_map
        How genes of another species, and names that are not recognised, become genes of the reference.
    mrna_per_cell
        Source or table of the mRNA per cell.
    prior
        Declared prior on the mean composition of the samples: ``none``, ``pbmc`` or a table.
    """

    bulk: Path
    reference: Path
    unit: str = "auto"
    reference_kind: str = "cells"
    cells: Path | None = None
    cell_type_key: str | None = None
    cell_state_key: str | None = None
    donor_key: str = "none"
    label_map: Path | None = None
    cell_type_tree: str = "auto"
    truth: Path | None = None
    calibration_bulk: Path | None = None
    calibration_unit: str = "auto"
    calibration_fractions: Path | None = None
    malignant: str = ""
    signature: str = ""
    gene_sets: str = ""
    pretrained: str = ""
    ontology: Path | None = None
    orthologs: bool = False
    gene_map: Path | None = None
    mrna_per_cell: str = "auto"
    prior: str = "none"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a run is done, as the parameters of the pipeline say (nextflow_schema.json).

    Attributes
    ----------
    methods, controls
        Separated by commas; ``default`` stands for the panel and its consensus.
    seed, level, quick
        Seed of every draw, coverage of the intervals, and whether to train for seconds only.
    explain, express
        Whether to attribute the fractions to genes, and to estimate the expression of the cell types.
    type_expression
        Whether to estimate the expression of the cell types from the fractions of every method, by sample and group.
    recipe, settings
        Recipe, for the methods that have one of this name, and changed settings (``a.b=value``).
    truth_map
        Other names of the cell types in the known fractions.
    samples, contrasts
        Table of samples whose groups are compared, and the questions to it.
    title, pdf
        Title of the report, and whether it is also written as PDF.
    """

    methods: str = "default"
    controls: str = "uniform,reference_mean,random"
    seed: int = 0
    level: float = 0.9
    quick: bool = False
    explain: bool = False
    express: bool = False
    type_expression: bool = False
    recipe: str = "default"
    settings: tuple[str, ...] = ()
    truth_map: Path | None = None
    samples: Path | None = None
    contrasts: Path | None = None
    title: str = ""
    pdf: bool = False
