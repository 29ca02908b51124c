include { quote } from '../quote.nf'

process SIMULATE {
    tag "${meta.reference}"
    label 'process_medium'

    input:
    tuple val(meta), path(reference)

    output:
    tuple val(meta), path('pseudobulk.h5ad'), emit: pseudobulk
    tuple val("${task.process}"), val('unmix'), eval("unmix_simulate.py --version | sed 's/.* //'"), topic: versions

    script:
    """
    unmix_simulate.py --threads ${task.cpus} ${task.ext.args ?: ''} --out pseudobulk.h5ad -- ${quote(reference)}
    """

    stub:
    """
    touch pseudobulk.h5ad
    """
}
