process REPORT {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), path(check), path(predictions, stageAs: 'predictions/*'), path(metrics, stageAs: 'metrics/*')

    output:
    tuple val(meta), path('report.html'), emit: report
    tuple val("${task.process}"), val('unmix'), eval("unmix_report.py --version | sed 's/.* //'"), topic: versions

    script:
    // The folder of results as the user gets it: a metrics file lies in the folder of its method
    """
    mkdir ${meta.id}
    cp -RL ${check} predictions/* ${meta.id}/
    for table in \$(find metrics/ -name '*.metrics.tsv'); do
        method=\$(basename \$table .metrics.tsv)
        cp \$table ${meta.id}/\$method/metrics.tsv
    done
    unmix_report.py ${meta.id} --threads ${task.cpus} ${task.ext.args ?: ''} --out report.html
    """

    stub:
    """
    touch report.html
    """
}
