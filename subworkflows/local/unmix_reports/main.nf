// Reporting: accuracy where fractions are known, groups where there are any, how everything ended, and a page per row.

include { UNMIX_EVALUATE } from '../../../modules/local/unmix/evaluate/main.nf'
include { UNMIX_COMPARE  } from '../../../modules/local/unmix/compare/main.nf'
include { UNMIX_REPORT   } from '../../../modules/local/unmix/report/main.nf'
include { UNMIX_INDEX    } from '../../../modules/local/unmix/index/main.nf'
include { kept ; no_result ; skipped_record } from '../unmix_records.nf'

// A line of the summary: the columns below, separated by tabs
def summary_columns() {
    return ['id', 'method', 'status', 'step', 'found', 'do']
}

def summary_line(id, method, has_fractions, record) {
    def told = record
        ? new groovy.json.JsonSlurper().parseText(record.text)
        : [step: '', error: [exit_code: 0, found: '', 'do': '']]
    def status = has_fractions ? 'done' : told.error.exit_code == 99 ? 'skipped' : 'failed'
    def cells = [id, method, status, told.step, told.error.found, told.error['do']]
    return cells.collect { cell -> cell.toString().replaceAll(/\s+/, ' ') }.join('\t')
}

// [ meta, check, reference, tables, request ] of a row: its headline are the tables of the consensus, or of the first
// method that has fractions
def page_of(id, parts, methods, request) {
    def tables = parts.collectMany { part -> part.tables ?: [] }.unique().sort { path -> path.name }
    def headline = (['consensus'] + methods).find { method ->
        tables.any { path -> path.name == "${method}.fractions.tsv" }
    }
    def check = parts.findResult([]) { part -> part.check }
    def reference = parts.findResult([]) { part -> part.reference }
    return tuple([id: id, headline: headline ?: ''], check, reference, tables, request)
}

// What ended a method: 'done', a record of why there are no fractions, or, for want of both, a record that says so
def end_of(ends, method, step, error) {
    return ends.find { end -> end != 'asked' } ?: skipped_record(method, step, error)
}

workflow UNMIX_REPORTS {
    take:
    rows // channel: a map per row of the samplesheet that can be used
    jobs // channel: a map per row and method, in their order
    estimates // map of channels: fractions [ meta, fractions, long ], tables and attributions [ meta, files ],
    //           without_fractions, without_consensus and without_attributions [ meta, record ]
    parts // channel: [ id, check: folder or reference: run record ]
    unusable // channel: [ id, run record with the reason ], of a whole row
    requests // channel: [ id, JSON of what was asked for ], of a row; of the whole run the id is ''
    options // map: samples, contrasts: tables for a comparison of groups; outdir: folder for summary.tsv

    main:
    UNMIX_EVALUATE(
        estimates.fractions
            .map { meta, fractions, fractions_long -> tuple(meta.id, meta, fractions, fractions_long) }
            .combine(rows.filter { row -> row.truth }.map { row -> tuple(row.id, row.truth) }, by: 0)
            .map { _id, meta, fractions, fractions_long, truth -> tuple(meta, fractions, fractions_long, truth) }
    )
    UNMIX_COMPARE(
        estimates.tables
            .filter { meta, _tables -> options.samples && !meta.control }
            .map { meta, tables -> tuple(meta, tables, options.samples, options.contrasts ?: []) }
    )

    // Every method of every row has fractions or a record, or its task ended by an error or a kill (conf/base.config)
    ch_ended = jobs
        .map { job -> tuple(job.id, job.method, 'asked') }
        .mix(
            estimates.fractions
                .filter { meta, _fractions, _long -> meta.method != 'consensus' }
                .map { meta, _fractions, _long -> tuple(meta.id, meta.method, 'done') },
            estimates.without_fractions.map { meta, record -> tuple(meta.id, meta.method, record) },
            unusable
                .combine(jobs.map { job -> tuple(job.id, job.method) }, by: 0)
                .map { id, record, method -> tuple(id, method, record) },
        )
        .groupTuple(by: [0, 1])
        .map { id, method, ends ->
            tuple(id, method, end_of(ends, method, 'run', no_result(method)))
        }

    // The consensus of every row that asks for one, in the same way
    ch_ended_consensus = jobs
        .filter { job -> job.panel }
        .map { job -> tuple(job.id, 'asked') }
        .unique()
        .mix(
            estimates.fractions
                .filter { meta, _fractions, _long -> meta.method == 'consensus' }
                .map { meta, _fractions, _long -> tuple(meta.id, 'done') },
            estimates.without_consensus.map { meta, record -> tuple(meta.id, record) },
            unusable,
        )
        .groupTuple()
        .filter { _id, ends -> 'asked' in ends }
        .map { id, ends ->
            def none = [
                exit_code: 1,
                found: 'no method of the consensus gave fractions, or its task ended without a result',
                expected: 'fractions of two methods or more',
                'do': 'see the lines of its methods',
            ]
            tuple(id, 'consensus', end_of(ends, 'consensus', 'consensus', none))
        }

    // A report for every row, also of one that cannot be used
    UNMIX_REPORT(
        estimates.tables
            .mix(
                estimates.without_consensus,
                UNMIX_EVALUATE.out.tables,
                UNMIX_EVALUATE.out.skipped,
                UNMIX_COMPARE.out.tables,
                UNMIX_COMPARE.out.skipped,
                estimates.attributions,
                estimates.without_attributions,
            )
            .map { meta, tables -> tuple(meta.id, [tables: [tables].flatten()]) }
            .mix(
                ch_ended
                    .filter { _id, _method, end -> end != 'done' }
                    .map { id, _method, record -> tuple(id, [tables: [record]]) },
                parts,
            )
            .groupTuple()
            .join(jobs.map { job -> tuple(job.id, job.method) }.groupTuple())
            .join(requests)
            .map { id, some, methods, request -> page_of(id, some, methods, request) }
    )

    ch_without_tables = UNMIX_EVALUATE.out.skipped.mix(UNMIX_COMPARE.out.skipped)
    ch_summary = ch_ended
        .mix(ch_ended_consensus, ch_without_tables.map { meta, record -> tuple(meta.id, meta.method, record) })
        .groupTuple(by: [0, 1])
        .map { id, method, ends -> summary_line(id, method, 'done' in ends, ends.find { end -> end != 'done' }) }
        .collectFile(
            // a cache would leave the summary of a later run where a resumed one gives that of an earlier
            (options.outdir ? [storeDir: options.outdir] : [:]) + [name: 'summary.tsv', cache: false] +
                [newLine: true, sort: true, seed: summary_columns().join('\t')]
        )

    UNMIX_INDEX(
        ch_summary
            .map { summary -> kept('summary.tsv', summary.text) }
            .combine(
                UNMIX_REPORT.out.facts
                    .map { meta, facts -> kept("${meta.id}.json", facts.text) }
                    .toSortedList { path -> path.name }
                    .map { facts -> [facts] }
            )
            .combine(requests.filter { id, _request -> !id }.map { _id, request -> request })
    )

    emit:
    metrics = UNMIX_EVALUATE.out.metrics // channel: [ meta, metrics.tsv ]
    effects = UNMIX_COMPARE.out.effects // channel: [ meta, effects.tsv ]
    summary = ch_summary // channel: summary.tsv
    reports = UNMIX_REPORT.out.report // channel: [ meta, report.html ]
    index = UNMIX_INDEX.out.index // channel: index.html, a line for every row
    skipped = ch_without_tables // channel: [ meta, record ]
    without_result = ch_ended
        .mix(ch_ended_consensus)
        .filter { _id, _method, end -> end != 'done' }
        .map { id, method, record -> tuple([id: id, method: method], record) }
        .mix(ch_without_tables) // channel: [ meta, record ], of methods, the consensus, and steps that gave no table
}
