include { option ; quote } from '../quote.nf'

// Prepare a reference: labels, donors, counts, quality control.
process UNMIX_REFERENCE {
    tag "${meta.id}"
    label 'process_high'
    conda "${moduleDir}/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(meta), path(reference, stageAs: 'input/*'), path(cells, stageAs: 'cells/*'),
        path(label_map, stageAs: 'input/*'), path(cell_type_tree, stageAs: 'tree/*')

    output:
    tuple val(meta), path("${prefix}.h5ad"), optional: true, emit: reference
    tuple val(meta), path("${prefix}.run.json"), optional: true, emit: record
    tuple val(meta), path('reference.skipped.json'), optional: true, emit: skipped
    tuple val(meta), path("${prefix}.report.{html,tsv}"), optional: true, emit: report
    tuple val("${task.process}"), val('unmix'),
        eval("python -c 'import unmix; print(unmix.__version__)'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: "${meta.id}"
    def out = quote(prefix)
    def options = [
        option('--cell-type-key', meta.cell_type_key),
        option('--donor-key', meta.donor_key),
        option('--cell-state-key', meta.cell_state_key),
        option('--kind', meta.kind),
        option('--cells', cells),
        option('--label-map', label_map),
        option('--cell-type-tree', cell_type_tree ?: meta.cell_type_tree),
    ].findAll().join(' ')
    def page = meta.kind == 'profiles' ? '' : "--report ${quote(prefix)}.report.html"
    // What cannot be used or applied is no failure of the task: skipped.json says why, and the other work goes on
    """
    unmix_reference.py ${options} --threads ${task.cpus} ${task.ext.args ?: ''} ${page} \\
        --skipped reference.skipped.json --out ${out}.h5ad -- ${quote(reference)} \\
        || { code=\$?; [ -e reference.skipped.json ] || exit \$code; }
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    def out = quote(prefix)
    """
    touch ${out}.h5ad ${out}.run.json
    """
}
