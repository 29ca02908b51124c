include { option ; quote } from '../quote.nf'

// What differs between the groups of a table of samples, in the fractions of one method.
process UNMIX_COMPARE {
    tag "${meta.id}:${meta.method}"
    label 'process_low'
    conda "${moduleDir}/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(meta), path(tables, stageAs: 'tables/*'), path(samples, stageAs: 'samples/*'),
        path(contrasts, stageAs: 'contrasts/*')

    output:
    tuple val(meta), path("${prefix}.effects.tsv"), optional: true, emit: effects
    tuple val(meta), path("${prefix}.{*tsv,comparison.run.json}"), optional: true, emit: tables
    tuple val(meta), path("${prefix}.comparison.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'),
        eval("python -c 'import unmix; print(unmix.__version__)'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: "${meta.method}"
    def out = quote(prefix)
    def questions = option('--contrasts', contrasts)
    // What cannot be used or applied is no failure of the task: skipped.json says why, and the other work goes on
    """
    mkdir given found
    for table in tables/*; do
        name=\${table#tables/}
        cp -L "\$table" "given/\${name#*.}"
    done
    unmix_compare.py --samples ${quote(samples)} ${questions} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --skipped ${out}.comparison.skipped.json --out-dir found -- given/fractions_long.tsv \\
        || { code=\$?; [ -e ${out}.comparison.skipped.json ] || exit \$code; }
    for table in \$(ls found); do
        mv "found/\$table" ${out}."\$table"
    done
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.method}"
    def out = quote(prefix)
    """
    touch ${out}.effects.tsv ${out}.groups.tsv ${out}.covariates.tsv ${out}.loadings.tsv ${out}.comparison.run.json
    """
}
