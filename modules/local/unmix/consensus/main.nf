include { quote } from '../quote.nf'

// Several methods' fractions of one row become one answer.
process UNMIX_CONSENSUS {
    tag "${meta.id}"
    label 'process_low'
    conda "${moduleDir}/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(meta), path(tables, stageAs: 'tables/*')

    output:
    tuple val(meta), path("${prefix}.fractions.tsv"), path("${prefix}.fractions_long.tsv"),
        optional: true, emit: fractions
    tuple val(meta), path("${prefix}.{*tsv,run.json}"), optional: true, emit: tables
    tuple val(meta), path("${prefix}.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'),
        eval("python -c 'import unmix; print(unmix.__version__)'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: 'consensus'
    def out = quote(prefix)
    // 99: fewer than two methods gave fractions, and skipped.json says so
    """
    for table in tables/*; do
        name=\${table#tables/}
        mkdir -p "members/\${name%%.*}"
        cp -L "\$table" "members/\${name%%.*}/\${name#*.}"
    done
    mkdir answer
    unmix_consensus.py --threads ${task.cpus} ${task.ext.args ?: ''} --skipped ${out}.skipped.json \\
        --out-dir answer -- members/*/fractions_long.tsv || (exit \$((\$? == 99 ? 0 : \$?)))
    for table in \$(ls answer); do
        mv "answer/\$table" ${out}."\$table"
    done
    """

    stub:
    prefix = task.ext.prefix ?: 'consensus'
    def out = quote(prefix)
    """
    touch ${out}.fractions.tsv ${out}.fractions_long.tsv ${out}.run.json
    """
}
