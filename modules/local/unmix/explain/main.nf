include { quote } from '../quote.nf'

process EXPLAIN {
    tag "${meta.id}:${meta.method}"
    label 'process_medium'

    input:
    tuple val(meta), path(model), path(bulk)

    output:
    tuple val(meta), path("${meta.method}.attributions.{*tsv,svg,run.json}"), optional: true, emit: attributions
    tuple val(meta), path("${meta.method}.attributions.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'), eval("unmix_explain.py --version | sed 's/.* //'"), topic: versions

    script:
    def device = task.accelerator ? 'cuda' : 'cpu'
    def out = quote(meta.method)
    // What cannot be used or applied is no failure of the task: skipped.json says why, and the other work goes on
    """
    unmix_explain.py --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --plot ${out}.attributions.svg --skipped ${out}.attributions.skipped.json \\
        --out ${out}.attributions.tsv -- ${quote(model)} ${quote(bulk)} \\
        || { code=\$?; [ -e ${out}.attributions.skipped.json ] || exit \$code; }
    """

    stub:
    def out = quote(meta.method)
    """
    touch ${out}.attributions.tsv ${out}.attributions.svg ${out}.attributions.run.json
    """
}
