process PREDICT {
    tag "${meta.id}:${meta.method}"
    label 'process_medium'

    input:
    tuple val(meta), path(model), path(bulk), val(mrna_source), path(mrna_per_cell, stageAs: 'mrna/*')

    output:
    tuple val(meta), path("${meta.method}.fractions.tsv"), path("${meta.method}.fractions_long.tsv"), optional: true, emit: fractions
    tuple val(meta), path("${meta.method}.{*tsv,run.json}"), optional: true, emit: tables
    tuple val(meta), path("${meta.method}.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'), eval("unmix_predict.py --version | sed 's/.* //'"), topic: versions

    script:
    def device = task.accelerator ? 'cuda' : 'cpu'
    // 99: the method cannot be applied, and skipped.json says why
    """
    mkdir tables
    unmix_predict.py ${model} ${bulk} --mrna-per-cell ${mrna_per_cell ?: mrna_source} \\
        --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --skipped ${meta.method}.skipped.json --out-dir tables || (exit \$((\$? == 99 ? 0 : \$?)))
    for table in \$(ls tables); do
        mv tables/\$table ${meta.method}.\$table
    done
    """

    stub:
    """
    touch ${meta.method}.fractions.tsv ${meta.method}.fractions_long.tsv ${meta.method}.run.json
    """
}
