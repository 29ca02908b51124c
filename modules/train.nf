// One process for all methods: meta.method comes from the registry, meta.deep says whether it is worth a GPU.
process TRAIN {
    tag "${meta.method}:${meta.id ?: meta.reference}"
    label 'process_gpu'

    input:
    tuple val(meta), path(reference), path(bulk), path(calibration_bulk, stageAs: 'calibration/*'), path(calibration_fractions, stageAs: 'calibration/*'), path(weights, stageAs: 'weights/*'), path(ontology, stageAs: 'ontology/*')

    output:
    tuple val(meta), path("${name}.safetensors"), emit: model
    path "${name}.run.json", emit: record
    tuple val("${task.process}"), val('unmix'), eval("unmix_train.py --version | sed 's/.* //'"), topic: versions

    script:
    name = "${meta.id ?: meta.reference}.${meta.method}"
    def device = task.accelerator ? 'cuda' : 'cpu'
    def extra = [
        bulk ? "--bulk ${bulk}" : '',
        calibration_bulk ? "--calibration-bulk ${calibration_bulk} --calibration-fractions ${calibration_fractions}" : '',
        meta.malignant ? "--malignant '${meta.malignant.replace("'", "'\\''")}'" : '',
        weights ? "--weights ${weights}" : '',
        ontology ? "--ontology ${ontology}" : '',
    ].findAll().join(' ')
    """
    unmix_train.py ${reference} --method ${meta.method} ${extra} \\
        --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} --out model.safetensors
    mv model.safetensors ${name}.safetensors
    mv model.run.json ${name}.run.json
    """

    stub:
    name = "${meta.id ?: meta.reference}.${meta.method}"
    """
    touch ${name}.safetensors ${name}.run.json
    """
}
