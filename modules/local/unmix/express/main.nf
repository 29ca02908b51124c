include { quote } from '../quote.nf'

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
    def out = quote(meta.method)
    // What cannot be used or applied is no failure of the task: skipped.json says why, and the other work goes on
    """
    unmix_express.py --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --skipped ${out}.expression.skipped.json --out ${out}.expression.h5ad \\
        -- ${quote(model)} ${quote(bulk)} \\
        || { code=\$?; [ -e ${out}.expression.skipped.json ] || exit \$code; }
    """

    stub:
    def out = quote(meta.method)
    """
    touch ${out}.expression.h5ad ${out}.expression.run.json
    """
}
