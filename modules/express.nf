process EXPRESS {
    tag "${meta.id}:${meta.method}"
    label 'process_medium'

    input:
    tuple val(meta), path(model), path(bulk)

    output:
    tuple val(meta), path("${meta.method}.expression.h5ad"), emit: expression
    tuple val(meta), path("${meta.method}.expression.run.json"), emit: record
    tuple val("${task.process}"), val('unmix'), eval("unmix_express.py --version | sed 's/.* //'"), topic: versions

    script:
    def device = task.accelerator ? 'cuda' : 'cpu'
    """
    unmix_express.py ${model} ${bulk} \\
        --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} --out expression.h5ad
    for file in expression.h5ad expression.run.json; do
        mv \$file ${meta.method}.\$file
    done
    """

    stub:
    """
    touch ${meta.method}.expression.h5ad ${meta.method}.expression.run.json
    """
}
