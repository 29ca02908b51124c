include { quote } from '../quote.nf'

process REFERENCE {
    tag "${meta.reference}"
    label 'process_high'

    input:
    tuple val(meta), path(reference, stageAs: 'input/*'), path(label_map, stageAs: 'input/*'), path(cell_type_tree, stageAs: 'tree/*')

    output:
    tuple val(meta), path("${meta.reference}.h5ad"), optional: true, emit: reference
    tuple val(meta), path("${meta.reference}.run.json"), optional: true, emit: record
    tuple val(meta), path('reference.skipped.json'), optional: true, emit: skipped
    tuple val(meta), path("${meta.reference}.report.{html,tsv}"), optional: true, emit: report
    tuple val("${task.process}"), val('unmix'), eval("unmix_reference.py --version | sed 's/.* //'"), topic: versions

    script:
    def kind = meta.kind == 'profiles' ? '--kind profiles' : ''
    def map = label_map ? "--label-map ${quote(label_map)}" : ''
    def states = meta.cell_state_key ? "--cell-state-key ${quote(meta.cell_state_key)}" : ''
    def tree = "--cell-type-tree ${quote(cell_type_tree ?: meta.tree_source)}"
    def keys = "--cell-type-key ${quote(meta.cell_type_key)} --donor-key ${quote(meta.donor_key)} ${states}"
    def report = meta.kind == 'profiles' ? '' : "--report ${quote(meta.reference)}.report.html"
    // What cannot be used is no failure of the task: skipped.json says why, and the other rows go on
    """
    unmix_reference.py ${keys} ${kind} ${map} ${tree} --threads ${task.cpus} ${task.ext.args ?: ''} ${report} \\
        --skipped reference.skipped.json --out ${quote(meta.reference)}.h5ad -- ${quote(reference)} \\
        || { code=\$?; [ -e reference.skipped.json ] || exit \$code; }
    """

    stub:
    def out = quote(meta.reference)
    """
    touch ${out}.h5ad ${out}.run.json
    """
}
