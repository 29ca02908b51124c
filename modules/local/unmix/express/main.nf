include { quote } from '../quote.nf'

// Estimate the expression of every cell type in every sample.
process UNMIX_EXPRESS {
    tag "${meta.id}:${meta.method}"
    label 'process_medium'
    conda "${moduleDir}/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(meta), path(model), path(bulk)

    output:
    tuple val(meta), path("${prefix}.expression.h5ad"), optional: true, emit: expression
    tuple val(meta), path("${prefix}.expression.run.json"), optional: true, emit: record
    tuple val(meta), path("${prefix}.expression.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'), eval("unmix_express.py --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: "${meta.method}"
    def device = task.accelerator ? 'cuda' : 'cpu'
    def out = quote(prefix)
    // What cannot be used or applied is no failure of the task: skipped.json says why, and the other work goes on
    """
    unmix_express.py --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --skipped ${out}.expression.skipped.json --out ${out}.expression.h5ad \\
        -- ${quote(model)} ${quote(bulk)} \\
        || { code=\$?; [ -e ${out}.expression.skipped.json ] || exit \$code; }
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.method}"
    def out = quote(prefix)
    """
    touch ${out}.expression.h5ad ${out}.expression.run.json
    """
}
