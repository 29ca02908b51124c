include { quote } from '../quote.nf'

process CHECK {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), path(bulk, stageAs: 'input/*'), path(reference), path(gene_map, stageAs: 'names/*')

    output:
    tuple val(meta), path('check/bulk.h5ad'), optional: true, emit: bulk
    tuple val(meta), path('check'), optional: true, emit: check
    tuple val(meta), path('check.skipped.json'), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'), eval("unmix_check.py --version | sed 's/.* //'"), topic: versions

    script:
    def names = [meta.orthologs ? '--orthologs' : '', gene_map ? "--gene-map ${quote(gene_map)}" : ''].findAll().join(' ')
    // What cannot be used is no failure of the task: skipped.json says why, and the other rows go on
    """
    unmix_check.py --reference ${quote(reference)} --unit ${quote(meta.unit)} ${names} \\
        --threads ${task.cpus} ${task.ext.args ?: ''} --skipped check.skipped.json --out-dir check \\
        -- ${quote(bulk)} || { code=\$?; [ -e check.skipped.json ] || exit \$code; }
    """

    stub:
    """
    mkdir check
    touch check/bulk.h5ad check/check.tsv
    """
}
