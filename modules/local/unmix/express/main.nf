include { option ; quote } from '../quote.nf'

// Estimate the expression of every cell type in every sample, by the method of the model or from given fractions.
process UNMIX_EXPRESS {
    tag "${meta.id}:${meta.method}"
    label 'process_medium'
    conda "${moduleDir}/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(meta), path(model), path(bulk), path(fractions, stageAs: 'fractions/*'),
        path(samples, stageAs: 'samples/*'), path(contrasts, stageAs: 'contrasts/*')

    output:
    tuple val(meta), path("${prefix}.{type_,}expression.h5ad"), optional: true, emit: expression
    tuple val(meta), path("${prefix}.type_expression.*.tsv"), optional: true, emit: differential
    tuple val(meta), path("${prefix}.{type_,}expression.run.json"), optional: true, emit: record
    tuple val(meta), path("${prefix}.{type_,}expression.skipped.json"), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'),
        eval("python -c 'import unmix; print(unmix.__version__)'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: "${meta.method}"
    def device = task.accelerator ? 'cuda' : 'cpu'
    def kind = fractions ? 'type_expression' : 'expression'
    def out = "${quote(prefix)}.${kind}"
    def files = [option('--fractions', fractions), option('--samples', samples), option('--contrasts', contrasts)]
    def given = files.join(' ')
    // What cannot be used or applied is no failure of the task: skipped.json says why, and the other work goes on
    """
    unmix_express.py --device ${device} --threads ${task.cpus} ${task.ext.args ?: ''} ${given} \\
        --skipped ${out}.skipped.json --out ${out}.h5ad -- ${quote(model)} ${quote(bulk)} \\
        || { code=\$?; [ -e ${out}.skipped.json ] || exit \$code; }
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.method}"
    def kind = fractions ? 'type_expression' : 'expression'
    def out = "${quote(prefix)}.${kind}"
    """
    touch ${out}.h5ad ${out}.run.json
    """
}
