process EVALUATE {
    tag "${meta.id}:${meta.method}"
    label 'process_low'

    input:
    tuple val(meta), path(fractions), path(fractions_long), path(truth, stageAs: 'truth/*')

    output:
    tuple val(meta), path("${meta.method}.metrics.tsv"), optional: true, emit: metrics
    tuple val(meta), path("${meta.method}.{metrics.tsv,metrics.run.json,pairs.tsv}"), optional: true, emit: tables
    tuple val(meta), path("${meta.method}.metrics.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'), eval("unmix_evaluate.py --version | sed 's/.* //'"), topic: versions

    script:
    // 99: the method cannot be compared, and skipped.json says why
    """
    unmix_evaluate.py ${fractions} ${truth} --long ${fractions_long} \\
        --threads ${task.cpus} ${task.ext.args ?: ''} --pairs ${meta.method}.pairs.tsv \\
        --skipped ${meta.method}.metrics.skipped.json --out ${meta.method}.metrics.tsv || (exit \$((\$? == 99 ? 0 : \$?)))
    """

    stub:
    """
    touch ${meta.method}.metrics.tsv ${meta.method}.metrics.run.json ${meta.method}.pairs.tsv
    """
}
