include { option ; quote } from './quote.nf'

// What all processes of a search are told: whose settings, and on what samples their error is measured
def options_of(search, other) {
    def named = ['--method': search.method, '--recipe': search.recipe, '--samples': search.samples, '--other': other]
    def given = named.collect { name, value -> option(name, value) } + ["--seed ${quote(search.seed)}"]
    return given.findAll().join(' ')
}

// The trials of the next round, chosen from the errors of those before; at the end, the recipe that was found.
process UNMIX_TUNE {
    tag "${search.method}: ${search.measured.size()} of ${search.trials} trials"
    label 'process_single'
    conda "${moduleDir}/train/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(search), path(reference, stageAs: 'reference/*'), path(other, stageAs: 'other/*'), path(
        measured,
        stageAs: 'measured/*',
        arity: '0..*',
    )

    output:
    tuple val(search), path('pending/*.json', arity: '0..*'), emit: trials
    path 'tuned.json', emit: recipe, optional: true
    path 'tuned.trials.tsv', emit: table, optional: true
    path 'tuned.run.json', emit: record

    script:
    def ranges = search.ranges.collect { range -> option('--range', range) }
    def given = ([option('--trials', search.trials)] + ranges).join(' ')
    def all = options_of(search, other)
    """
    mkdir -p measured
    unmix_tune.py --measured measured --pending pending ${given} ${task.ext.args ?: ''} \\
        --out tuned.json ${all} -- ${quote(reference)}
    """
}

// A trial: its training, and its error.
process UNMIX_TUNE_TRIAL {
    tag "${search.method}: ${trial.baseName}"
    label 'process_low'
    conda "${moduleDir}/train/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(key), val(search), path(reference, stageAs: 'reference/*'), path(other, stageAs: 'other/*'), path(trial)

    output:
    tuple val(key), path("measured/${trial.name}"), emit: measured

    script:
    def all = options_of(search, other)
    """
    unmix_tune.py --trial ${quote(trial)} --threads ${task.cpus} ${task.ext.args ?: ''} \\
        --out measured/${quote(trial.name)} ${all} -- ${quote(reference)}
    """
}
