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
    path 'tables/rows.csv', emit: rows
    path 'tables/jobs.csv', emit: jobs
    tuple val("${task.process}"), val('unmix'), eval("unmix_samplesheet.py --version | sed 's/.* //'"), topic: versions

    script:
    """
    cat > params.json <<'END_OF_JSON'
    ${settings}
    END_OF_JSON
    unmix_samplesheet.py ${samplesheet} --schema ${schema} --folder '${folder}' \\
        --params params.json --params-schema ${params_schema} --out-dir tables
    """
}
