#!/usr/bin/env nextflow
// A pipeline that calls unmix: the counts that nf-core/rnaseq has published become fractions.
//
//     nextflow run compose --rnaseq results_of_rnaseq --reference cells.h5ad --outdir results -profile docker
//
// In your own pipeline, write the path of unmix here, or add it as a git submodule.

include { UNMIX } from '../../../workflows/unmix.nf'

params.rnaseq        = null
params.reference     = null
params.cell_type_key = 'cell_type'
params.donor_key     = 'donor'
params.methods       = 'default'
params.outdir        = 'results'

workflow {
    ch_rows = channel.fromPath("${params.rnaseq}/*/salmon.merged.gene_counts.tsv", checkIfExists: true).map { counts ->
        [
            id: 'rnaseq',
            bulk: counts,
            unit: 'counts',
            reference: file(params.reference, checkIfExists: true),
            cell_type_key: params.cell_type_key,
            donor_key: params.donor_key,
        ]
    }
    UNMIX(ch_rows, [methods: params.methods, outdir: params.outdir])

    UNMIX.out.fractions.view { meta, fractions, _fractions_long -> "${meta.id} by ${meta.method}: ${fractions.name}" }
}
