// Methods x scenarios x seeds on one's own reference, or on ready-made cases (docs/own_benchmark.md):
//
//     nextflow run workflows/benchmark.nf --reference reference.h5ad --methods nnls,scaden --seeds 0,1

include { UNMIX_BENCHMARK_CASES ; UNMIX_BENCHMARK_FIT } from '../modules/local/unmix/benchmark.nf'
include { UNMIX_BENCHMARK_PAGE } from '../modules/local/unmix/benchmark.nf'

// The names in a list between commas
def names_in(text) {
    return text.toString().tokenize(',').collect { name -> name.trim() }.findAll().unique()
}

// A file that has to be there
def existing(name, path) {
    def found = file(path, glob: false)
    if (!found.exists()) {
        error("--${name}: there is no ${path}.\n  expected: a file or folder\n  do: correct the path")
    }
    return found
}

workflow BENCHMARK {
    take:
    cases // channel: folders of cases
    settings // map: methods, controls, recipes, seeds: texts with commas; 'none' for no controls

    main:
    // A task for every method and seed; the controls, which take less than the start of a task, share one
    def controls = settings.controls == 'none' ? [] : names_in(settings.controls)
    def seeds = names_in(settings.seeds).collect { seed -> seed as Integer }
    def fits = [names_in(settings.methods) - controls, seeds].combinations().collect { method, seed ->
        [methods: [method], seeds: [seed]]
    }
    def tasks = controls ? fits + [[methods: controls, seeds: seeds]] : fits
    ch_fits = cases
        .combine(channel.fromList(names_in(settings.recipes)))
        .combine(channel.fromList(tasks))
        .map { given, recipe, fit -> tuple([id: given.name, recipe: recipe] + fit, given) }
    UNMIX_BENCHMARK_FIT(ch_fits)
    ch_done = ch_fits
        .map { meta, _given -> tuple(meta, true) }
        .join(UNMIX_BENCHMARK_FIT.out.store, remainder: true)
        .toSortedList { one, other -> "${one[0]}" <=> "${other[0]}" }
        .map { all ->
            def (done, lost) = all.split { one -> one[2] }
            tuple(done.collect { one -> one[2] }, lost.collect { one -> one[0] })
        }
    UNMIX_BENCHMARK_PAGE(ch_done)

    emit:
    store = UNMIX_BENCHMARK_PAGE.out.store // channel: folder with the records and the estimates of all fits
    page = UNMIX_BENCHMARK_PAGE.out.page // channel: index.html
    table = UNMIX_BENCHMARK_PAGE.out.table // channel: benchmark.tsv
}

workflow {
    main:
    if (!params.reference == !params.cases) {
        error(
            "one of --reference and --cases is needed.\n  expected: a prepared reference, or a folder of cases\n" +
                "  do: add --reference reference.h5ad, for example"
        )
    }
    if (params.cases) {
        ch_cases = channel.fromPath("${existing('cases', params.cases)}/*/case.json").map { path -> path.parent }
    }
    else {
        def other = params.other ? existing('other', params.other) : []
        UNMIX_BENCHMARK_CASES(
            channel.of(tuple(existing('reference', params.reference), other, params.scenarios, params.samples_per_test))
        )
        ch_cases = UNMIX_BENCHMARK_CASES.out.cases.flatten()
    }
    BENCHMARK(
        ch_cases,
        [methods: params.methods, controls: params.controls, recipes: params.recipes, seeds: params.seeds],
    )
}
