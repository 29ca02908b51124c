process PREDICT {
    tag "${meta.id}:${meta.method}"
    label 'process_medium'

    input:
    tuple val(meta), path(model), path(bulk)

    output:
    tuple val(meta), path("${meta.method}.fractions.tsv"), path("${meta.method}.fractions_long.tsv"), emit: fractions
    tuple val(meta), path("${meta.method}.*"), emit: tables
    tuple val("${task.process}"), val('unmix'), eval("unmix_predict.py --version | sed 's/.* //'"), topic: versions

    script:
    def device = task.accelerator ? 'cuda' : 'cpu'
    """
    unmix_predict.py ${model} ${bulk} \\
        --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} --out-dir tables
    for table in tables/*; do
        mv \$table ${meta.method}.\${table#tables/}
    done
    """

    stub:
    """
    touch ${meta.method}.fractions.tsv ${meta.method}.fractions_long.tsv ${meta.method}.run.json
    """
}
