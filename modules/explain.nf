process EXPLAIN {
    tag "${meta.id}:${meta.method}"
    label 'process_medium'

    input:
    tuple val(meta), path(model), path(bulk)

    output:
    tuple val(meta), path("${meta.method}.attributions.*"), emit: attributions
    tuple val("${task.process}"), val('unmix'), eval("unmix_explain.py --version | sed 's/.* //'"), topic: versions

    script:
    def device = task.accelerator ? 'cuda' : 'cpu'
    """
    unmix_explain.py ${model} ${bulk} --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --plot ${meta.method}.attributions.svg --out attributions.tsv
    mv attributions.tsv ${meta.method}.attributions.tsv
    mv attributions.run.json ${meta.method}.attributions.run.json
    """

    stub:
    """
    touch ${meta.method}.attributions.tsv ${meta.method}.attributions.svg ${meta.method}.attributions.run.json
    """
}
