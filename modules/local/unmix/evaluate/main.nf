include { option ; quote } from '../quote.nf'

// Compare fractions with known ones.
process UNMIX_EVALUATE {
    tag "${meta.id}:${meta.method}"
    label 'process_low'
    conda "${moduleDir}/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(meta), path(fractions), path(fractions_long), path(truth, stageAs: 'truth/*')

    output:
    tuple val(meta), path("${prefix}.metrics.tsv"), optional: true, emit: metrics
    tuple val(meta), path("${prefix}.{metrics.tsv,metrics.run.json,pairs.tsv}"), optional: true, emit: tables
    tuple val(meta), path("${prefix}.metrics.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'),
        eval("python -c 'import unmix; print(unmix.__version__)'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: "${meta.method}"
    def out = quote(prefix)
    def intervals = option('--long', fractions_long)
    // What cannot be used or applied is no failure of the task: skipped.json says why, and the other work goes on
    """
    unmix_evaluate.py ${intervals} \\
        --threads ${task.cpus} ${task.ext.args ?: ''} --pairs ${out}.pairs.tsv \\
        --skipped ${out}.metrics.skipped.json --out ${out}.metrics.tsv \\
        -- ${quote(fractions)} ${quote(truth)} \\
        || { code=\$?; [ -e ${out}.metrics.skipped.json ] || exit \$code; }
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.method}"
    def out = quote(prefix)
    """
    touch ${out}.metrics.tsv ${out}.metrics.run.json ${out}.pairs.tsv
    """
}
