// Several methods' fractions of one row become one answer.
process CONSENSUS {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), path(tables, stageAs: 'tables/*')

    output:
    tuple val(meta), path('consensus.fractions.tsv'), path('consensus.fractions_long.tsv'), optional: true, emit: fractions
    tuple val(meta), path('consensus.{*tsv,run.json}'), optional: true, emit: tables
    tuple val(meta), path('consensus.skipped.json'), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'), eval("unmix_consensus.py --version | sed 's/.* //'"), topic: versions

    script:
    // 99: fewer than two methods gave fractions, and skipped.json says so
    """
    for table in tables/*; do
        name=\${table#tables/}
        mkdir -p "members/\${name%%.*}"
        cp -L "\$table" "members/\${name%%.*}/\${name#*.}"
    done
    mkdir answer
    unmix_consensus.py --threads ${task.cpus} ${task.ext.args ?: ''} --skipped consensus.skipped.json \\
        --out-dir answer -- members/*/fractions_long.tsv || (exit \$((\$? == 99 ? 0 : \$?)))
    for table in \$(ls answer); do
        mv "answer/\$table" "consensus.\$table"
    done
    """

    stub:
    """
    touch consensus.fractions.tsv consensus.fractions_long.tsv consensus.run.json
    """
}
