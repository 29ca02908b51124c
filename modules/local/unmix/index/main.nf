include { quote } from '../quote.nf'

// One page that lists the rows of a run
process INDEX {
    label 'process_low'

    input:
    path summary
    path facts, stageAs: 'rows/*'
    val request

    output:
    path 'index.html', emit: index
    tuple val("${task.process}"), val('unmix'), eval("unmix_index.py --version | sed 's/.* //'"), topic: versions

    script:
    """
    mkdir -p rows
    printf '%s' ${quote(request)} > request.json
    unmix_index.py --request request.json --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --out index.html -- ${quote(summary)} \$(find rows -name '*.json' | sort)
    """

    stub:
    """
    touch index.html
    """
}
