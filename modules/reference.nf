process REFERENCE {
    tag "${meta.reference}"
    label 'process_high'

    input:
    tuple val(meta), path(reference, stageAs: 'input/*'), path(label_map, stageAs: 'input/*')

    output:
    tuple val(meta), path("${meta.reference}.h5ad"), emit: reference
    tuple val(meta), path("${meta.reference}.run.json"), emit: record
    tuple val("${task.process}"), val('unmix'), eval("unmix_reference.py --version | sed 's/.* //'"), topic: versions

    script:
    def kind = meta.kind == 'tissue' ? '--kind tissue' : ''
    def map = label_map ? "--label-map ${label_map}" : ''
    """
    unmix_reference.py ${reference} --cell-type-key '${meta.cell_type_key}' --donor-key '${meta.donor_key}' ${kind} ${map} \\
        --threads ${task.cpus} ${task.ext.args ?: ''} --out ${meta.reference}.h5ad
    """

    stub:
    """
    touch ${meta.reference}.h5ad ${meta.reference}.run.json
    """
}
