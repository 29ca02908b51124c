"""What the check recognises in every development set: unit, identifiers, samples -> docs/development_sets.md.

The sets lie beside the project (UNMIX_SHARED). Each goes in unchanged; BULK and CELLS hold what their origin
states, and a disagreement ends the command with 1.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from unmix.io import check, gene_ids
from unmix.io.text import show
from unmix.reference import count_recovery
from unmix.reference.single_cells import read_cells

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("UNMIX_SHARED", ROOT.parent / "shared")) / "data"
PAGE = ROOT / "docs" / "development_sets.md"
#: Bulk: unit and base of the logarithm, identifiers, samples, as the origin of the set states them.
BULK = {
    "blood_deconvseq_500genes/bulk.tsv.gz": ("counts", "none", "Ensembl", 35),
    "blood_shenorr_gse20300/bulk.tsv.gz": ("microarray", "none", "symbol", 24),
    "brca_tcga_purity_wide/bulk_wide_1354genes.tsv.gz": ("counts", "none", "symbol", 1052),
    "cellline_mixology_gse118767/bulk.tsv.gz": ("counts", "none", "symbol", 55),
    "cellline_mixology_gse118767/cellmix_counts.tsv.gz": ("counts", "none", "symbol", 1128),
    "cellline_mixology_gse118767/rnamix_celseq2_wells.tsv.gz": ("counts", "none", "symbol", 340),
    "cellline_mixology_gse118767/rnamix_sortseq_wells.tsv.gz": ("counts", "none", "symbol", 296),
    "lung_tcga_purity/bulk.tsv.gz": ("counts", "none", "symbol", 10),
    "pancreas_fadista_gse50244/bulk.tsv.gz": ("counts", "none", "symbol", 77),
    "pbmc_monaco_gse107011/bulk.tsv.gz": ("tpm", "none", "symbol", 12),
    "pbmc_newman_gse65133/bulk.tsv.gz": ("microarray", "none", "symbol", 20),
    "pbmc_newman_gse65133_allgenes/bulk.tsv.gz": ("microarray", "none", "symbol", 20),
    "pbmc_sdy420/bulk.tsv.gz": ("microarray", "2", "symbol", 104),
    "pbmc_sdy67/bulk.tsv.gz": ("counts", "none", "symbol", 12),
    "rat_shenorr_gse19830/bulk.tsv.gz": ("microarray", "none", "array probe", 21),
    "ratbrain_kuhn_gse19380/bulk.tsv.gz": ("microarray", "2", "array probe", 10),
    "ratbrain_kuhn_gse19380/pure.tsv.gz": ("microarray", "2", "array probe", 4),
    "ratliver_dili_gse239996/bulk.tsv.gz": ("counts", "none", "symbol", 15),
    "ref_sorted_blood_deconvseq/bulk.tsv.gz": ("counts", "none", "Ensembl", 56),
    "seqc_abcd_gse47774/bulk.tsv.gz": ("counts", "none", "RefSeq", 8),
    "tissue_deconrnaseq_readmix/bulk.tsv.gz": ("fpkm", "none", "RefSeq", 10),
    "tumourmix_becht_gse64385/bulk.tsv.gz": ("microarray", "2", "symbol", 10),
}
#: Single cells: what the counts are, cells.
CELLS = {
    "cellline_mixology_gse118767/sc_counts.h5ad": ("raw", 450),
    "sc_brain_darmanis_gse67835/counts.tsv.gz": ("raw", 267),
    "sc_newman_nsclc_pbmc/counts.h5ad": ("raw", 1303),
    "sc_pancreas_baron_cider/counts_human.h5ad": ("raw", 175),
    "sc_pancreas_baron_cider/counts_mouse_humanised_symbols.h5ad": ("raw", 175),
    "sc_pbmc_donorA_unlabelled/counts.h5ad": ("raw", 2896),
    "sc_pbmc_facs_zheng/counts.h5ad": ("raw", 3774),
    "sc_pbmc_facs_zheng/counts_test100.h5ad": ("raw", 100),
    "sc_pbmc_hao_small/counts.h5ad": ("raw", 1336),
    "sc_pbmc_kang_muscat/counts.h5ad": ("raw", 1556),
    "sc_pbmc_symphony_3donor/lognorm.h5ad": ("recovered", 1200),
}


def bulk(name: str) -> tuple[str, tuple[str, str, str, int]]:
    """Return a row of the table, and what was recognised, as :data:`BULK` states it."""
    data, _ = check.examine(DATA / name)
    facts, kind = data.uns["unmix"], gene_ids.identifier(data.var_names)
    unit = facts["unit"] if facts["log"] == "none" else f"{facts['unit']}, log{facts['log']} undone"
    size = f"{data.n_vars:,} ({kind}) | {data.n_obs:,}: {show(data.obs_names, 2)}"
    return f"| `{name}` | {unit} | {size} |", (facts["unit"], facts["log"], kind, data.n_obs)


def cells(name: str) -> tuple[str, tuple[str, int]]:
    """Return a row of the table, and what was recognised, as :data:`CELLS` states it."""
    found = read_cells(DATA / name)
    scales = [(count_recovery.recognise(one.look(len(found.obs_names)), found.logged), one) for one in found.matrices]
    scale, matrix = min(scales, key=lambda pair: pair[0].rank)
    said = count_recovery.say(scale, matrix.name)
    size = f"{len(matrix.var):,} ({gene_ids.identifier(matrix.var.index)}) | {len(found.obs_names):,}"
    return f"| `{name}` | {said} | {size}: {show(found.obs_names, 2)} |", (scale.kind, len(found.obs_names))


def main() -> None:
    """Write the page; end with 1 where a set is not recognised as its origin states."""
    wrong = []
    parts = [
        "# Development sets",
        "",
        f"What `unmix` recognises in every set, made by `python benchmarks/{Path(__file__).name}`.",
    ]
    parts.append(
        "The command fails if a unit, the identifiers or a number of samples differs from what the set's origin states."
    )
    for title, sets, of in (("Bulk", BULK, bulk), ("Single cells", CELLS, cells)):
        parts += [
            "",
            f"## {title}",
            "",
            f"| set | {'unit' if sets is BULK else 'counts'} | genes | names |",
            "|---|---|---|---|",
        ]
        for name, expected in sets.items():
            row, found = of(name)
            parts.append(row)
            if found != expected:
                wrong.append(f"{name}: {found}, not {expected}")
    PAGE.write_text("\n".join(parts) + "\n")
    print(f"{len(BULK) + len(CELLS)} sets, {len(wrong)} wrong -> {PAGE.relative_to(ROOT)}", *wrong, sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
