// For other pipelines: rows as maps instead of a samplesheet. docs/engines.md shows it; tests/pipeline/compose runs it.
//
//     include { UNMIX } from '/path/to/unmix/workflows/unmix.nf'
//     UNMIX(channel.of([id: 'pbmc', bulk: file('counts.tsv'), reference: file('cells.h5ad')]), [methods: 'nnls'])

include { DECONVOLVE } from './deconvolve.nf'
include { kept       } from '../subworkflows/local/unmix_records.nf'

// What `options` may hold, with the values of those that are not given
def defaults() {
    return [
        methods: 'default', controls: 'none', explain: false, express: false, type_expression: false,
        samples: [], contrasts: [], outdir: '',
    ]
}

// Options as they are used; what the options do not know would be ignored silently
def checked(options) {
    def other = options.keySet() - defaults().keySet()
    if (other) {
        error(
            "UNMIX has no option ${other.join(', ')}.\n  expected: some of ${defaults().keySet().join(', ')}\n" +
                "  do: give --seed, --level, --quick by ext.args of the processes, as conf/modules.config does"
        )
    }
    return defaults() + options
}

// A cell of a samplesheet: paths become absolute, lists are joined as the columns of published files are
def cell_of(value) {
    def texts = [value].flatten().collect { one -> one instanceof java.nio.file.Path ? one.toUriString() : "${one}" }
    def text = texts.join(';')
    return '"' + text.replace('"', '""') + '"'
}

// A samplesheet of rows; what a row does not say is empty
def samplesheet_of(rows) {
    def columns = rows.collectMany { row -> row.keySet() }.unique()
    def lines = [columns] + rows.collect { row -> columns.collect { column -> row[column] == null ? '' : row[column] } }
    def text = lines.collect { line -> line.collect { value -> cell_of(value) }.join(',') }.join('\n') + '\n'
    return kept('samplesheet.csv', text)
}

workflow UNMIX {
    take:
    rows // channel: maps with the columns of a samplesheet (docs/parameters.md): id, bulk, reference, ...
    options // map, as in defaults(); all may be left out

    main:
    def used = checked(options)
    DECONVOLVE(
        rows
            .toList()
            .map { all -> tuple(samplesheet_of(all.sort { row -> "${row.id}" }), workflow.launchDir.toUriString()) },
        [methods: used.methods, controls: used.controls],
        used,
    )

    emit:
    fractions = DECONVOLVE.out.fractions // channel: [ meta, fractions.tsv, fractions_long.tsv ]
    metrics = DECONVOLVE.out.metrics // channel: [ meta, metrics.tsv ], where a row has `truth`
    effects = DECONVOLVE.out.effects // channel: [ meta, effects.tsv ], where there is a table of samples
    attributions = DECONVOLVE.out.attributions // channel: [ meta, files ], with `explain`
    expression = DECONVOLVE.out.expression // channel: [ meta, h5ad ], with `express` or `type_expression`
    differential = DECONVOLVE.out.differential // channel: [ meta, tables ], with `type_expression`
    skipped = DECONVOLVE.out.skipped // channel: [ meta, run record with the reason ]
    summary = DECONVOLVE.out.summary // channel: summary.tsv, a line for every method of every row
    reports = DECONVOLVE.out.reports // channel: [ meta, report.html ]
    index = DECONVOLVE.out.index // channel: index.html, a line for every row
}
