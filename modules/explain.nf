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
    // 99: the method cannot be applied, and skipped.json says why
    """
    unmix_explain.py ${model} ${bulk} --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --plot ${meta.method}.attributions.svg --skipped ${meta.method}.attributions.skipped.json \\
        --out ${meta.method}.attributions.tsv || (exit \$((\$? == 99 ? 0 : \$?)))
    """

    stub:
    """
    touch ${meta.method}.attributions.tsv ${meta.method}.attributions.svg ${meta.method}.attributions.run.json
    """
}
