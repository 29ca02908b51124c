// One process for all methods: meta.method comes from the registry, meta.deep says whether it is worth a GPU.
process TRAIN {
    tag "${meta.method}:${meta.id ?: meta.reference}"
    label 'process_gpu'

    input:
    tuple val(meta), path(reference), path(bulk), path(calibration_bulk, stageAs: 'calibration/*'), path(calibration_fractions, stageAs: 'calibration/*'), path(weights, stageAs: 'weights?/*'), path(ontology, stageAs: 'ontology/*')

    output:
    tuple val(meta), path("${name}.safetensors"), optional: true, emit: model
    path "${name}.run.json", optional: true, emit: record
    tuple val(meta), path("${meta.method}.left_out.json"), optional: true, emit: left_out
    tuple val("${task.process}"), val('unmix'), eval("unmix_train.py --version | sed 's/.* //'"), topic: versions

    script:
    name = "${meta.id ?: meta.reference}.${meta.method}"
    def device = task.accelerator ? 'cuda' : 'cpu'
    def extra = [
        bulk ? "--bulk ${bulk}" : '',
        calibration_bulk ? "--calibration-bulk ${calibration_bulk} --calibration-fractions ${calibration_fractions}" : '',
        meta.malignant ? "--malignant '${meta.malignant.replace("'", "'\\''")}'" : '',
        [weights].flatten().collect { file -> "--weights ${file}" }.join(' '),
        ontology ? "--ontology ${ontology}" : '',
    ].findAll().join(' ')
    // 99: the method cannot be applied, and left_out.json says why
    """
    unmix_train.py ${reference} --method ${meta.method} ${extra} \\
        --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --left-out ${meta.method}.left_out.json --out ${name}.safetensors || (exit \$((\$? == 99 ? 0 : \$?)))
    """

    stub:
    name = "${meta.id ?: meta.reference}.${meta.method}"
    """
    touch ${name}.safetensors ${name}.run.json
    """
}
