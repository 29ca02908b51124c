include { quote } from './quote.nf'

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
    // beside the folders of the tasks, so that a retry and -resume continue an interrupted training
    def checkpoint = "${workflow.workDir}/checkpoints/${name}"
    def extra = [
        bulk ? "--bulk ${quote(bulk)}" : '',
        calibration_bulk ? "--calibration-bulk ${quote(calibration_bulk)} --calibration-unit ${quote(meta.calibration_unit)} --calibration-fractions ${quote(calibration_fractions)}" : '',
        meta.malignant ? "--malignant ${quote(meta.malignant)}" : '',
        [published].flatten().collect { file -> "${quote("--" + meta.takes)} ${quote(file)}" }.join(' '),
        ontology ? "--ontology ${quote(ontology)}" : '',
        meta.deep && workflow.workDir.scheme == 'file' ? "--checkpoint ${quote(checkpoint)}" : '',
    ].findAll().join(' ')
    // 99: the method cannot be applied, and skipped.json says why
    """
    unmix_train.py --method ${quote(meta.method)} ${extra} \\
        --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --skipped ${quote(meta.method)}.skipped.json --out ${quote(name)}.safetensors \\
        -- ${quote(reference)} || (exit \$((\$? == 99 ? 0 : \$?)))
    """

    stub:
    name = "${meta.id ?: meta.reference}.${meta.method}"
    """
    touch ${quote(name)}.safetensors ${quote(name)}.run.json
    """
}
