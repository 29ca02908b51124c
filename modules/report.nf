process REPORT {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), path(check), path(reference, stageAs: 'reference.run.json'), path(tables, stageAs: 'tables/*')

    output:
    tuple val(meta), path('report.html'), emit: report
    tuple val("${task.process}"), val('unmix'), eval("unmix_report.py --version | sed 's/.* //'"), topic: versions

    script:
    // Lay the tables (<method>.<file>) out as the user gets them: one folder per method
    """
    mkdir ${meta.id}
    cp -RL ${check} ${reference} ${meta.id}/
    for table in tables/*; do
        name=\${table#tables/}
        mkdir -p ${meta.id}/\${name%%.*}
        cp -L \$table ${meta.id}/\${name%%.*}/\${name#*.}
    done
    if [ -d ${meta.id}/${meta.headline} ]; then
        headline='--headline ${meta.headline}'
    fi
    unmix_report.py ${meta.id} \${headline:-} --threads ${task.cpus} ${task.ext.args ?: ''} --out report.html
    """

    stub:
    """
    touch report.html
    """
}
