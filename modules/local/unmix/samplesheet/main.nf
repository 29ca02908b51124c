include { quote } from '../quote.nf'

// Check the samplesheet, the parameters and the methods. No stub: it takes a second, and a stub run follows its tables.
process SAMPLESHEET {
    tag "${samplesheet.name}"
    label 'process_low'

    input:
    path samplesheet, stageAs: 'input/*'
    val folder
    val settings
    path schema
    path params_schema

    output:
    path 'tables/rows.json', emit: rows
    path 'tables/jobs.json', emit: jobs
    tuple val("${task.process}"), val('unmix'), eval("unmix_samplesheet.py --version | sed 's/.* //'"), topic: versions

    script:
    """
    printf '%s' ${quote(settings)} > params.json
    unmix_samplesheet.py --schema ${quote(schema)} --folder ${quote(folder)} \\
        --params params.json --params-schema ${quote(params_schema)} --out-dir tables -- ${quote(samplesheet)}
    """
}
