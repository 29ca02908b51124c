// Search of settings of a method, each trial in a task of its own (docs/tuning.md):
//
//     nextflow run workflows/tune.nf --reference reference.h5ad --method scaden --trials 40
//
// Rounds of four trials, as in unmix_tune.py: the trials of a round are chosen from the errors of all before. Recursion
// has to be switched on in this version of Nextflow.
nextflow.preview.recursion = true

include { UNMIX_TUNE ; UNMIX_TUNE as UNMIX_TUNE_END ; UNMIX_TUNE_TRIAL } from '../modules/local/unmix/tune.nf'

// A file that has to be there
def existing(name, path) {
    def found = file(path, glob: false)
    if (!found.exists()) {
        error("--${name}: there is no ${path}.\n  expected: a file\n  do: correct the path")
    }
    return found
}


workflow ROUND {
    take:
    searches // value: map: what is searched, and the trials that were measured

    main:
    UNMIX_TUNE(searches.map { search -> tuple(search, search.reference, search.other, search.measured) })
    ch_trials = UNMIX_TUNE.out.trials.flatMap { search, trials ->
        def key = groupKey(search, trials.size())
        trials.collect { trial -> tuple(key, search, search.reference, search.other, trial) }
    }
    UNMIX_TUNE_TRIAL(ch_trials)
    ch_searches = UNMIX_TUNE_TRIAL.out.measured
        .groupTuple()
        .map { key, measured ->
            def search = key.target
            search + [measured: (search.measured + measured).sort { path -> path.name }]
        }

    emit:
    ch_searches
}

workflow {
    main:
    if (!params.reference || !params.method) {
        error(
            "--reference and --method are needed.\n  expected: a prepared reference, and the name of a method\n" +
                "  do: add --reference reference.h5ad --method scaden, for example"
        )
    }
    def trials = params.trials as Integer
    def search = [
        method: params.method,
        recipe: params.recipe,
        ranges: params.ranges.toString().tokenize(';').collect { range -> range.trim() }.findAll(),
        trials: trials,
        samples: params.samples_per_trial,
        seed: params.seed,
        reference: existing('reference', params.reference),
        other: params.other ? existing('other', params.other) : [],
        measured: [],
    ]
    ROUND.recurse(search).times((trials + 3).intdiv(4))
    UNMIX_TUNE_END(
        ROUND.out.last().map { found -> tuple(found, found.reference, found.other, found.measured) }
    )
}
