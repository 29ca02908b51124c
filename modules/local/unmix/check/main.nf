include { option ; quote } from '../quote.nf'

// Check a bulk: its unit and genes, against those of the reference.
process UNMIX_CHECK {
    tag "${meta.id}"
    label 'process_low'
    conda "${moduleDir}/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(meta), path(bulk, stageAs: 'input/*'), path(reference), path(gene_map, stageAs: 'names/*')

    output:
    tuple val(meta), path("${prefix}/bulk.h5ad"), optional: true, emit: bulk
    tuple val(meta), path("${prefix}"), optional: true, emit: check
    tuple val(meta), path("${prefix}.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'),
        eval("python -c 'import unmix; print(unmix.__version__)'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: 'check'
    def out = quote(prefix)
    def options = [
        option('--reference', reference),
        option('--unit', meta.unit),
        option('--gene-map', gene_map),
        meta.orthologs ? '--orthologs' : '',
    ].findAll().join(' ')
    // What cannot be used or applied is no failure of the task: skipped.json says why, and the other work goes on
    """
    unmix_check.py ${options} --threads ${task.cpus} ${task.ext.args ?: ''} --skipped ${out}.skipped.json \\
        --out-dir ${out} -- ${quote(bulk)} || { code=\$?; [ -e ${out}.skipped.json ] || exit \$code; }
    """

    stub:
    prefix = task.ext.prefix ?: 'check'
    def out = quote(prefix)
    """
    mkdir ${out}
    touch ${out}/bulk.h5ad ${out}/check.tsv
    """
}
