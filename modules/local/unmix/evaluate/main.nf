include { quote } from '../quote.nf'

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
    def out = quote(meta.method)
    // What cannot be used or applied is no failure of the task: skipped.json says why, and the other work goes on
    """
    unmix_evaluate.py --long ${quote(fractions_long)} \\
        --threads ${task.cpus} ${task.ext.args ?: ''} --pairs ${out}.pairs.tsv \\
        --skipped ${out}.metrics.skipped.json --out ${out}.metrics.tsv \\
        -- ${quote(fractions)} ${quote(truth)} \\
        || { code=\$?; [ -e ${out}.metrics.skipped.json ] || exit \$code; }
    """

    stub:
    def out = quote(meta.method)
    """
    touch ${out}.metrics.tsv ${out}.metrics.run.json ${out}.pairs.tsv
    """
}
