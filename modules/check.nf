include { quote } from './quote.nf'

process CHECK {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), path(bulk, stageAs: 'input/*'), path(reference)

    output:
    tuple val(meta), path('check/bulk.h5ad'), emit: bulk
    tuple val(meta), path('check'), emit: check
    tuple val("${task.process}"), val('unmix'), eval("unmix_check.py --version | sed 's/.* //'"), topic: versions

    script:
    """
    unmix_check.py --reference ${quote(reference)} --unit ${quote(meta.unit)} \\
        --threads ${task.cpus} ${task.ext.args ?: ''} --out-dir check -- ${quote(bulk)}
    """

    stub:
    """
    mkdir check
    touch check/bulk.h5ad check/check.tsv
    """
}
