include { option ; options_of ; quote } from '../quote.nf'

// Estimate the fractions of the samples of a bulk with a trained model. `options` names, for each of `files`,
// the option of unmix_predict.py that it is for: mrna-per-cell, prior.
process UNMIX_PREDICT {
    tag "${meta.id}:${meta.method}"
    label 'process_medium'
    conda "${moduleDir}/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(meta), path(model), path(bulk), val(options), path(files, stageAs: 'given?/*')

    output:
    tuple val(meta), path("${prefix}.fractions.tsv"), path("${prefix}.fractions_long.tsv"),
        optional: true, emit: fractions
    tuple val(meta), path("${prefix}.{*tsv,run.json}"), optional: true, emit: tables
    tuple val(meta), path("${prefix}.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'),
        eval("python -c 'import unmix; print(unmix.__version__)'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: "${meta.method}"
    def device = task.accelerator ? 'cuda' : 'cpu'
    def out = quote(prefix)
    def given = [
        option('--mrna-per-cell', meta.mrna_per_cell),
        option('--prior', meta.prior),
        options_of(options, files),
    ].findAll().join(' ')
    // What cannot be used or applied is no failure of the task: skipped.json says why, and the other work goes on
    """
    mkdir tables
    unmix_predict.py ${given} \\
        --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --skipped ${out}.skipped.json --out-dir tables \\
        -- ${quote(model)} ${quote(bulk)} \\
        || { code=\$?; [ -e ${out}.skipped.json ] || exit \$code; }
    for table in \$(ls tables); do
        mv "tables/\$table" ${out}."\$table"
    done
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.method}"
    def out = quote(prefix)
    """
    touch ${out}.fractions.tsv ${out}.fractions_long.tsv ${out}.run.json
    """
}
