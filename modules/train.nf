// One process for all methods: meta.method comes from the registry, meta.deep says whether it is worth a GPU.
process TRAIN {
    tag "${meta.method}:${meta.id ?: meta.reference}"
    label 'process_gpu'

    input:
    tuple val(meta), path(reference), path(bulk), path(calibration_bulk, stageAs: 'calibration/*'), path(calibration_fractions, stageAs: 'calibration/*'), path(published, stageAs: 'published?/*'), path(ontology, stageAs: 'ontology/*')

    output:
    tuple val(meta), path("${name}.safetensors"), optional: true, emit: model
    path "${name}.run.json", optional: true, emit: record
    tuple val(meta), path("${meta.method}.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'), eval("unmix_train.py --version | sed 's/.* //'"), topic: versions

    script:
    name = "${meta.id ?: meta.reference}.${meta.method}"
    def device = task.accelerator ? 'cuda' : 'cpu'
    def extra = [
        bulk ? "--bulk ${bulk}" : '',
        calibration_bulk ? "--calibration-bulk ${calibration_bulk} --calibration-unit ${meta.calibration_unit} --calibration-fractions ${calibration_fractions}" : '',
        meta.malignant ? "--malignant '${meta.malignant.replace("'", "'\\''")}'" : '',
        [published].flatten().collect { file -> "--${meta.takes} ${file}" }.join(' '),
        ontology ? "--ontology ${ontology}" : '',
        // beside the folders of the tasks, so that a retry and -resume continue an interrupted training
        meta.deep && workflow.workDir.scheme == 'file' ? "--checkpoint '${workflow.workDir.toString().replace("'", "'\\''")}/checkpoints/${name}'" : '',
    ].findAll().join(' ')
    // 99: the method cannot be applied, and skipped.json says why
    """
    unmix_train.py ${reference} --method ${meta.method} ${extra} \\
        --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --skipped ${meta.method}.skipped.json --out ${name}.safetensors || (exit \$((\$? == 99 ? 0 : \$?)))
    """

    stub:
    name = "${meta.id ?: meta.reference}.${meta.method}"
    """
    touch ${name}.safetensors ${name}.run.json
    """
}
