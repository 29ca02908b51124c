include { quote } from '../quote.nf'

// Make pseudobulk with known fractions from a prepared reference.
process UNMIX_SIMULATE {
    tag "${meta.id}"
    label 'process_medium'
    conda "${moduleDir}/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(meta), path(reference, stageAs: 'reference/*')

    output:
    tuple val(meta), path("${prefix}.pseudobulk.h5ad"), emit: pseudobulk
    tuple val("${task.process}"), val('unmix'),
        eval("python -c 'import unmix; print(unmix.__version__)'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    unmix_simulate.py --threads ${task.cpus} ${task.ext.args ?: ''} --out ${quote(prefix)}.pseudobulk.h5ad \\
        -- ${quote(reference)}
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    touch ${quote(prefix)}.pseudobulk.h5ad
    """
}
