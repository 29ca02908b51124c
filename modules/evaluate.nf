process EVALUATE {
    tag "${meta.id}:${meta.method}"
    label 'process_low'

    input:
    tuple val(meta), path(fractions), path(fractions_long), path(truth, stageAs: 'truth/*')

    output:
    tuple val(meta), path("${meta.method}.metrics.tsv"), emit: metrics
    tuple val("${task.process}"), val('unmix'), eval("unmix_evaluate.py --version | sed 's/.* //'"), topic: versions

    script:
    """
    unmix_evaluate.py ${fractions} ${truth} --long ${fractions_long} \\
        --threads ${task.cpus} ${task.ext.args ?: ''} --out ${meta.method}.metrics.tsv
    """

    stub:
    """
    touch ${meta.method}.metrics.tsv
    """
}
