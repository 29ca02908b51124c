include { quote } from '../quote.nf'

// One page that lists the rows of a run. `facts` are the report.json of their reports.
process UNMIX_INDEX {
    tag "${summary.name}"
    label 'process_low'
    conda "${moduleDir}/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple path(summary), path(facts, stageAs: 'rows/*'), val(request)

    output:
    path "${prefix}.html", emit: index
    tuple val("${task.process}"), val('unmix'),
        eval("python -c 'import unmix; print(unmix.__version__)'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: 'index'
    """
    mkdir -p rows
    printf '%s' ${quote(request ?: '{}')} > request.json
    unmix_index.py --request request.json --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --out ${quote(prefix)}.html -- ${quote(summary)} \$(find rows -name '*.json' | sort)
    """

    stub:
    prefix = task.ext.prefix ?: 'index'
    """
    touch ${quote(prefix)}.html
    """
}
