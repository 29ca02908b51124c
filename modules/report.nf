process REPORT {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), path(check), path(reference, stageAs: 'reference.run.json'), path(tables, stageAs: 'tables/*')

    output:
    tuple val(meta), path('report.html'), emit: report
    tuple val(meta), path("${meta.id}/{*.tsv,run.json}"), optional: true, emit: headline
    tuple val(meta), path("${meta.id}/*/*skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'), eval("unmix_report.py --version | sed 's/.* //'"), topic: versions

    script:
    // Lay the tables (<method>.<file>) out as the user gets them: one folder per method, those of the first on top
    """
    mkdir ${meta.id}
    cp -RL ${check} ${reference} ${meta.id}/
    for table in tables/*; do
        name=\${table#tables/}
        mkdir -p ${meta.id}/\${name%%.*}
        cp -L \$table ${meta.id}/\${name%%.*}/\${name#*.}
    done
    if [ -n '${meta.headline}' ]; then
        cp ${meta.id}/${meta.headline}/{*.tsv,run.json} ${meta.id}/
        rm -f ${meta.id}/pairs.tsv
    fi
    unmix_report.py ${meta.id} --threads ${task.cpus} ${task.ext.args ?: ''} --out report.html
    """

    stub:
    """
    touch report.html
    """
}
