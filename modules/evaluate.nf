process EVALUATE {
    tag "${meta.id}:${meta.method}"
    label 'process_low'

    input:
    tuple val(meta), path(fractions), path(fractions_long), path(truth, stageAs: 'truth/*')

    output:
    tuple val(meta), path("${meta.method}.metrics.tsv"), emit: metrics
    tuple val(meta), path("${meta.method}.{metrics.tsv,metrics.run.json,pairs.tsv}"), emit: tables
    tuple val("${task.process}"), val('unmix'), eval("unmix_evaluate.py --version | sed 's/.* //'"), topic: versions

    script:
    """
    unmix_evaluate.py ${fractions} ${truth} --long ${fractions_long} \\
        --threads ${task.cpus} ${task.ext.args ?: ''} --pairs pairs.tsv --out metrics.tsv
    for table in metrics.tsv metrics.run.json pairs.tsv; do
        mv \$table ${meta.method}.\$table
    done
    """

    stub:
    """
    touch ${meta.method}.metrics.tsv ${meta.method}.metrics.run.json ${meta.method}.pairs.tsv
    """
}
