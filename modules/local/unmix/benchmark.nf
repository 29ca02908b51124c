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

// Methods on a case with some seeds. What fails or cannot be applied is in its record, and ends nothing.
process UNMIX_BENCHMARK_FIT {
    tag "${meta.id}:${meta.methods.join(',')}:${meta.seeds.join(',')}"
    label 'process_low'
    conda "${moduleDir}/train/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(meta), path(given)

    output:
    tuple val(meta), path('store'), emit: store

    script:
    def methods = meta.methods.collect { method -> option('--method', method) }
    def seeds = meta.seeds.collect { seed -> "--seed ${quote(seed)}" } // 0 is a seed, too
    def fits = (methods + seeds + [option('--recipe', meta.recipe)]).join(' ')
    """
    mkdir store
    unmix_benchmark.py fit ${fits} --threads ${task.cpus} ${task.ext.args ?: ''} --out store -- ${quote(given)}
    """
}

// The page of all fits, and one store of them; `missing` are those whose task ended without a record.
process UNMIX_BENCHMARK_PAGE {
    tag "${stores.size()} stores"
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
    def lost = missing.collectMany { meta ->
        [meta.methods, meta.seeds].combinations().collect { method, seed -> meta + [method: method, seed: seed] }
    }
    def records = lost.collect { meta ->
        def said = 'its task ended without a result: killed, or a bug (see .nextflow.log and trace.txt)'
        def fit = ['case': meta.id, method: meta.method, recipe: meta.recipe, seed: meta.seed]
        def record = [fit: fit, status: 'failed', case_digest: '', settings_digest: '', version: '', said: said]
        def place = ['store', meta.id].join('/')
        def path = place + '/' + [meta.method, meta.recipe, meta.seed].join('-') + '.json'
        "mkdir -p ${quote(place)} && printf '%s' ${quote(groovy.json.JsonOutput.toJson(record))} > ${quote(path)}"
    }
    def written = records.join('\n    ')
    """
    mkdir -p store
    for one in fits*/store; do
        if [ -d "\$one" ]; then cp -RL "\$one"/. store; fi
    done
    ${written}
    unmix_benchmark.py page ${task.ext.args ?: ''} --out page -- store
    """
}
