process EXPRESS {
    tag "${meta.id}:${meta.method}"
    label 'process_medium'

    input:
    tuple val(meta), path(model), path(bulk)

    output:
    tuple val(meta), path("${meta.method}.expression.h5ad"), optional: true, emit: expression
    tuple val(meta), path("${meta.method}.expression.run.json"), optional: true, emit: record
    tuple val(meta), path("${meta.method}.expression.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'), eval("unmix_express.py --version | sed 's/.* //'"), topic: versions

    script:
    def device = task.accelerator ? 'cuda' : 'cpu'
    // 99: the method cannot be applied, and skipped.json says why
    """
    unmix_express.py ${model} ${bulk} \\
        --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --skipped ${meta.method}.expression.skipped.json --out ${meta.method}.expression.h5ad \\
        || (exit \$((\$? == 99 ? 0 : \$?)))
    """

    stub:
    """
    touch ${meta.method}.expression.h5ad ${meta.method}.expression.run.json
    """
}
