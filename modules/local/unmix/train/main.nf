include { option ; options_of ; quote } from '../quote.nf'

// One process for all methods: meta.method comes from the registry, meta.deep says whether it is worth a GPU. `options`
// names, for each of `files`, the option of unmix_train.py that it is for: bulk, genes, ontology, prior, signature ...
process UNMIX_TRAIN {
    tag "${meta.method}:${meta.id}${meta.genes ? '.genes-' + meta.genes : ''}"
    label 'process_gpu'
    conda "${moduleDir}/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(meta), path(reference), val(options), path(files, stageAs: 'given?/*')

    output:
    tuple val(meta), path("${prefix}.safetensors"), optional: true, emit: model
    tuple val(meta), path("${prefix}.run.json"), optional: true, emit: record
    tuple val(meta), path("${meta.method}.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'),
        eval("python -c 'import unmix; print(unmix.__version__)'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: "${meta.id}${meta.genes ? '.genes-' + meta.genes : ''}.${meta.method}"
    def device = task.accelerator ? 'cuda' : 'cpu'
    def given = [
        option('--calibration-unit', meta.calibration_unit),
        meta.orthologs ? '--orthologs' : '',
        option('--malignant', meta.malignant),
        option('--prior', meta.prior),
        options_of(options, files),
        // beside the folders of the tasks, so that a retry and -resume continue an interrupted training
        meta.deep && meta.checkpoints ? "--checkpoint ${quote(meta.checkpoints + '/' + prefix)}" : '',
    ].findAll().join(' ')
    // What cannot be used or applied is no failure of the task: skipped.json says why, and the other work goes on
    """
    unmix_train.py --method ${quote(meta.method)} ${given} \\
        --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --skipped ${quote(meta.method)}.skipped.json --out ${quote(prefix)}.safetensors \\
        -- ${quote(reference)} \\
        || { code=\$?; [ -e ${quote(meta.method)}.skipped.json ] || exit \$code; }
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}${meta.genes ? '.genes-' + meta.genes : ''}.${meta.method}"
    """
    touch ${quote(prefix)}.safetensors ${quote(prefix)}.run.json
    """
}
