include { quote } from '../quote.nf'

// What differs between the groups of a table of samples, in the fractions of one method.
process COMPARE {
    tag "${meta.id}:${meta.method}"
    label 'process_low'

    input:
    tuple val(meta), path(tables, stageAs: 'tables/*'), path(samples, stageAs: 'samples/*'), path(contrasts, stageAs: 'contrasts/*')

    output:
    tuple val(meta), path("${meta.method}.effects.tsv"), optional: true, emit: effects
    tuple val(meta), path("${meta.method}.{*tsv,comparison.run.json}"), optional: true, emit: tables
    tuple val(meta), path("${meta.method}.comparison.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'), eval("unmix_compare.py --version | sed 's/.* //'"), topic: versions

    script:
    def out = quote(meta.method)
    def questions = contrasts ? "--contrasts ${quote(contrasts)}" : ''
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
    def out = quote(meta.method)
    """
    touch ${out}.effects.tsv ${out}.groups.tsv ${out}.covariates.tsv ${out}.loadings.tsv ${out}.comparison.run.json
    """
}
