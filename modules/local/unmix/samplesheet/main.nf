include { option ; quote } from '../quote.nf'

// Check the samplesheet, the parameters and the methods. No stub: it takes a second, and a stub run follows its tables.
process UNMIX_SAMPLESHEET {
    tag "${samplesheet.name}"
    label 'process_low'
    conda "${moduleDir}/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(settings), path(samplesheet, stageAs: 'input/*'), val(folder)
    tuple path(schema), path(params_schema)

    output:
    path "${prefix}/rows.json", emit: rows
    path "${prefix}/jobs.json", emit: jobs
    tuple val("${task.process}"), val('unmix'),
        eval("python -c 'import unmix; print(unmix.__version__)'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: 'tables'
    def where = option('--folder', folder)
    """
    printf '%s' ${quote(groovy.json.JsonOutput.toJson(settings))} > params.json
    unmix_samplesheet.py --schema ${quote(schema)} ${where} --params params.json \\
        --params-schema ${quote(params_schema)} ${task.ext.args ?: ''} \\
        --out-dir ${quote(prefix)} -- ${quote(samplesheet)}
    """
}
