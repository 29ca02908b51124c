include { quote } from '../quote.nf'

// One process for all methods: meta.method comes from the registry, meta.deep says whether it is worth a GPU.
process TRAIN {
    tag "${meta.method}:${meta.id ?: meta.reference}${meta.genes ? '.genes-' + meta.genes : ''}"
    label 'process_gpu'

    input:
    tuple val(meta), path(reference), path(bulk), path(calibration_bulk, stageAs: 'calibration/*'), path(calibration_fractions, stageAs: 'calibration/*'), path(published, stageAs: 'published?/*'), path(ontology, stageAs: 'ontology/*'), path(genes, stageAs: 'genes/*'), path(prior, stageAs: 'declared/*'), path(gene_map, stageAs: 'names/*')

    output:
    tuple val(meta), path("${name}.safetensors"), optional: true, emit: model
    path "${name}.run.json", optional: true, emit: record
    tuple val(meta), path("${meta.method}.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'), eval("unmix_train.py --version | sed 's/.* //'"), topic: versions

    script:
    name = "${meta.id ?: meta.reference}${meta.genes ? '.genes-' + meta.genes : ''}.${meta.method}"
    def device = task.accelerator ? 'cuda' : 'cpu'
    // beside the folders of the tasks, so that a retry and -resume continue an interrupted training
    def checkpoint = "${meta.checkpoints}/${name}"
    def extra = [
        bulk ? "--bulk ${quote(bulk)}" : '',
        calibration_bulk ? "--calibration-bulk ${quote(calibration_bulk)} --calibration-unit ${quote(meta.calibration_unit)} --calibration-fractions ${quote(calibration_fractions)}" : '',
        meta.orthologs ? '--orthologs' : '',
        gene_map ? "--gene-map ${quote(gene_map)}" : '',
        meta.malignant ? "--malignant ${quote(meta.malignant)}" : '',
        [published].flatten().collect { file -> "${quote("--" + meta.takes)} ${quote(file)}" }.join(' '),
        ontology ? "--ontology ${quote(ontology)}" : '',
        prior || meta.prior ? "--prior ${quote(prior ?: meta.prior)}" : '',
        genes ? "--genes ${quote(genes)}" : '',
        meta.deep && meta.checkpoints ? "--checkpoint ${quote(checkpoint)}" : '',
    ].findAll().join(' ')
    // What cannot be used or applied is no failure of the task: skipped.json says why, and the other work goes on
    """
    unmix_train.py --method ${quote(meta.method)} ${extra} \\
        --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --skipped ${quote(meta.method)}.skipped.json --out ${quote(name)}.safetensors \\
        -- ${quote(reference)} \\
        || { code=\$?; [ -e ${quote(meta.method)}.skipped.json ] || exit \$code; }
    """

    stub:
    name = "${meta.id ?: meta.reference}${meta.genes ? '.genes-' + meta.genes : ''}.${meta.method}"
    """
    touch ${quote(name)}.safetensors ${quote(name)}.run.json
    """
}
