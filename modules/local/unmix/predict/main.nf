include { quote } from '../quote.nf'

process PREDICT {
    tag "${meta.id}:${meta.method}"
    label 'process_medium'

    input:
    tuple val(meta), path(model), path(bulk), val(mrna_source), path(mrna_per_cell, stageAs: 'mrna/*'), val(prior_source), path(prior, stageAs: 'declared/*')

    output:
    tuple val(meta), path("${meta.method}.fractions.tsv"), path("${meta.method}.fractions_long.tsv"), optional: true, emit: fractions
    tuple val(meta), path("${meta.method}.{*tsv,run.json}"), optional: true, emit: tables
    tuple val(meta), path("${meta.method}.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'), eval("unmix_predict.py --version | sed 's/.* //'"), topic: versions

    script:
    def device = task.accelerator ? 'cuda' : 'cpu'
    def out = quote(meta.method)
    // What cannot be used or applied is no failure of the task: skipped.json says why, and the other work goes on
    """
    mkdir tables
    unmix_predict.py --mrna-per-cell ${quote(mrna_per_cell ?: mrna_source)} --prior ${quote(prior ?: prior_source)} \\
        --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --skipped ${out}.skipped.json --out-dir tables \\
        -- ${quote(model)} ${quote(bulk)} \\
        || { code=\$?; [ -e ${out}.skipped.json ] || exit \$code; }
    for table in \$(ls tables); do
        mv "tables/\$table" ${out}."\$table"
    done
    """

    stub:
    def out = quote(meta.method)
    """
    touch ${out}.fractions.tsv ${out}.fractions_long.tsv ${out}.run.json
    """
}
