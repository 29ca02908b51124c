process EVALUATE {
    tag "${meta.id}:${meta.method}"
    label 'process_low'

    input:
    tuple val(meta), path(fractions), path(fractions_long), path(truth, stageAs: 'truth/*')

    output:
    tuple val(meta), path("${meta.method}.metrics.tsv"), optional: true, emit: metrics
    tuple val(meta), path("${meta.method}.{metrics.tsv,metrics.run.json,pairs.tsv}"), optional: true, emit: tables
    tuple val(meta), path("${meta.method}.metrics.left_out.json"), optional: true, emit: left_out
    tuple val("${task.process}"), val('unmix'), eval("unmix_evaluate.py --version | sed 's/.* //'"), topic: versions

    script:
    // 99: the method cannot be compared, and left_out.json says why
    """
    unmix_evaluate.py ${fractions} ${truth} --long ${fractions_long} \\
        --threads ${task.cpus} ${task.ext.args ?: ''} --pairs ${meta.method}.pairs.tsv \\
        --left-out ${meta.method}.metrics.left_out.json --out ${meta.method}.metrics.tsv || (exit \$((\$? == 99 ? 0 : \$?)))
    """

    stub:
    """
    touch ${meta.method}.metrics.tsv ${meta.method}.metrics.run.json ${meta.method}.pairs.tsv
    """
}
