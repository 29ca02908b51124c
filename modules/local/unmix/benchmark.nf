include { option ; quote } from './quote.nf'

// Cases of one's own reference, a folder each: what methods learn from, and samples of cells that no method sees.
process UNMIX_BENCHMARK_CASES {
    tag "${reference.name}"
    label 'process_low'
    conda "${moduleDir}/train/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple path(reference, stageAs: 'reference/*'), path(other, stageAs: 'other/*'), val(scenarios), val(samples)

    output:
    path 'cases/*', type: 'dir', emit: cases
    path 'cases.run.json', emit: record

    script:
    def all = [option('--other', other), option('--scenarios', scenarios), option('--samples', samples)]
    def given = all.findAll().join(' ')
    """
    unmix_benchmark.py cases ${given} ${task.ext.args ?: ''} --out cases -- ${quote(reference)}
    """
}

// A method on a case with a seed. What fails or cannot be applied is in its record, and ends nothing.
process UNMIX_BENCHMARK_FIT {
    tag "${meta.id}:${meta.method}:${meta.seed}"
    label 'process_low'
    conda "${moduleDir}/train/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(meta), path(given)

    output:
    tuple val(meta), path('store'), emit: store

    script:
    """
    unmix_benchmark.py fit --method ${quote(meta.method)} --recipe ${quote(meta.recipe)} --seed ${quote(meta.seed)} \\
        --threads ${task.cpus} ${task.ext.args ?: ''} --out store -- ${quote(given)}
    """
}

// The page of all fits, and one store of them; `missing` are those whose task ended without a record.
process UNMIX_BENCHMARK_PAGE {
    tag "${stores.size()} fits"
    label 'process_low'
    conda "${moduleDir}/train/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple path(stores, stageAs: 'fits?/*', arity: '0..*'), val(missing)

    output:
    path 'page/index.html', emit: page
    path 'page/benchmark.tsv', emit: table
    path 'store', type: 'dir', emit: store

    script:
    def records = missing.collect { meta ->
        def said = 'its task ended without a result: killed, or a bug (see .nextflow.log and trace.txt)'
        def fit = ['case': meta.id, method: meta.method, recipe: meta.recipe, seed: meta.seed]
        def record = [fit: fit, status: 'failed', case_digest: '', settings_digest: '', version: '', said: said]
        def place = ['store', meta.id].join('/')
        def path = place + '/' + [meta.method, meta.recipe, meta.seed].join('-') + '.json'
        "mkdir -p ${quote(place)} && printf '%s' ${quote(groovy.json.JsonOutput.toJson(record))} > ${quote(path)}"
    }
    def lost = records.join('\n    ')
    """
    mkdir -p store
    for one in fits*/store; do
        if [ -d "\$one" ]; then cp -RL "\$one"/. store; fi
    done
    ${lost}
    unmix_benchmark.py page ${task.ext.args ?: ''} --out page -- store
    """
}
