include { quote } from '../quote.nf'

// Attribute the fractions to genes.
process UNMIX_EXPLAIN {
    tag "${meta.id}:${meta.method}"
    label 'process_medium'
    conda "${moduleDir}/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(meta), path(model), path(bulk)

    output:
    tuple val(meta), path("${prefix}.attributions.{*tsv,svg,run.json}"), optional: true, emit: attributions
    tuple val(meta), path("${prefix}.attributions.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'),
        eval("python -c 'import unmix; print(unmix.__version__)'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: "${meta.method}"
    def device = task.accelerator ? 'cuda' : 'cpu'
    def out = quote(prefix)
    // What cannot be used or applied is no failure of the task: skipped.json says why, and the other work goes on
    """
    unmix_explain.py --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --plot ${out}.attributions.svg --skipped ${out}.attributions.skipped.json \\
        --out ${out}.attributions.tsv -- ${quote(model)} ${quote(bulk)} \\
        || { code=\$?; [ -e ${out}.attributions.skipped.json ] || exit \$code; }
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.method}"
    def out = quote(prefix)
    """
    touch ${out}.attributions.tsv ${out}.attributions.svg ${out}.attributions.run.json
    """
}
