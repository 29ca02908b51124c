// From a samplesheet to fractions and a report: every row by every method.

include { SAMPLESHEET } from '../modules/samplesheet.nf'
include { REFERENCE } from '../modules/reference.nf'
include { CHECK } from '../modules/check.nf'
include { TRAIN } from '../modules/train.nf'
include { PREDICT } from '../modules/predict.nf'
include { EXPLAIN } from '../modules/explain.nf'
include { EXPRESS } from '../modules/express.nf'
include { EVALUATE } from '../modules/evaluate.nf'
include { REPORT } from '../modules/report.nf'

// The file that a row names in a column, or nothing
def named(id, column, text) {
    if (!text) {
        return []
    }
    def path = file(text, glob: false)
    if (!path.exists()) {
        error("samplesheet row ${id}: there is no file ${text}.\n  expected: ${column}, relative to the samplesheet's folder or absolute\n  do: correct the path")
    }
    return path
}

// The source of the mRNA per cell that a row names, and its table; a path is absolute by now
def mrna_per_cell(row) {
    return row.mrna_per_cell.contains('/') ? [[], named(row.id, 'mrna_per_cell', row.mrna_per_cell)] : [row.mrna_per_cell, []]
}

workflow DECONVOLVE {
    take:
    samplesheet // file: the samplesheet as the user wrote it
    settings // string: all parameters as JSON
    tracedir // string: folder for the versions
    explain // boolean: also attribute the fractions to genes
    express // boolean: also estimate the expression of every cell type, for the methods that can

    main:
    SAMPLESHEET(
        samplesheet,
        samplesheet.parent.toUriString(),
        settings,
        file("${projectDir}/assets/schema_input.json"),
        file("${projectDir}/nextflow_schema.json"),
    )
    ch_rows = SAMPLESHEET.out.rows
        .splitJson()
        .map { row ->
            row + ['bulk', 'reference', 'truth', 'label_map', 'calibration_bulk', 'calibration_fractions', 'ontology'].collectEntries { column -> [column, named(row.id, column, row[column])] }
        }
    ch_methods = SAMPLESHEET.out.jobs
        .splitJson()
        .map { job -> tuple(job.id, job + [published: job.published.collect { path -> named(job.id, job.takes, path) }]) }

    // Rows that share a reference and all that is said of it have one reference_name: it is prepared once
    REFERENCE(
        ch_rows
            .map { row -> tuple([reference: row.reference_name, kind: row.reference_kind, cell_type_key: row.cell_type_key, donor_key: row.donor_key], row.reference, row.label_map) }
            .unique()
    )
    ch_references = REFERENCE.out.reference.map { meta, reference -> tuple(meta.reference, reference) }

    CHECK(
        ch_rows
            .map { row -> tuple(row.reference_name, [id: row.id, reference: row.reference_name, unit: row.unit], row.bulk) }
            .combine(ch_references, by: 0)
            .map { _name, meta, bulk, reference -> tuple(meta, bulk, reference) }
    )

    // A model belongs to its reference; only that of a method which learns from a row's own samples belongs to the row
    ch_jobs = CHECK.out.bulk
        .map { meta, bulk -> tuple(meta.id, meta, bulk) }
        .join(ch_rows.map { row -> tuple(row.id, row) })
        .combine(ch_methods, by: 0)
        .map { id, meta, bulk, row, method ->
            def needs_bulk = method.needs_bulk
            def needs_calibration = method.needs_calibration
            def model = [
                reference: meta.reference,
                method: method.method,
                deep: method.deep,
                takes: method.takes.replace('_', '-'),
                id: needs_bulk || needs_calibration ? id : '',
                malignant: method.needs_malignant ? row.malignant : '',
                calibration_unit: needs_calibration ? row.calibration_unit : '',
            ]
            def calibration = needs_calibration ? [row.calibration_bulk, row.calibration_fractions] : [[], []]
            tuple(model, [needs_bulk ? bulk : []] + calibration + [method.published, row.ontology], [id: id, method: method.method, control: method.control, expresses: method.expresses], bulk)
        }
    TRAIN(
        ch_jobs
            .map { model, extra, _meta, _bulk -> tuple(model.reference, model, extra) }
            .unique()
            .combine(ch_references, by: 0)
            .map { _name, model, extra, reference -> [model, reference] + extra }
    )
    ch_trained = ch_jobs
        .map { model, _extra, meta, bulk -> tuple(model, meta, bulk) }
        .combine(TRAIN.out.model, by: 0)
        .map { _model, meta, bulk, model -> tuple(meta, model, bulk) }
    PREDICT(
        ch_trained
            .map { meta, model, bulk -> tuple(meta.id, meta, model, bulk) }
            .combine(ch_rows.map { row -> tuple(row.id, row) }, by: 0)
            .map { _id, meta, model, bulk, row -> [meta, model, bulk] + mrna_per_cell(row) }
    )
    EXPLAIN(ch_trained.filter { meta, _model, _bulk -> explain && !meta.control })
    EXPRESS(ch_trained.filter { meta, _model, _bulk -> express && meta.expresses })
    EVALUATE(
        PREDICT.out.fractions
            .map { meta, fractions, fractions_long -> tuple(meta.id, meta, fractions, fractions_long) }
            .combine(ch_rows.filter { row -> row.truth }.map { row -> tuple(row.id, row.truth) }, by: 0)
            .map { _id, meta, fractions, fractions_long, truth -> tuple(meta, fractions, fractions_long, truth) }
    )
    ch_skipped = ch_jobs
        .map { model, _extra, meta, _bulk -> tuple(model, meta) }
        .combine(TRAIN.out.skipped, by: 0)
        .map { _model, meta, record -> tuple(meta, record) }
        .mix(PREDICT.out.skipped, EVALUATE.out.skipped)
    REPORT(
        CHECK.out.check
            .map { meta, check -> tuple(meta.reference, meta.id, check) }
            .combine(REFERENCE.out.record.map { meta, record -> tuple(meta.reference, record) }, by: 0)
            .map { _reference, id, check, record -> tuple(id, check, record) }
            .join(PREDICT.out.tables.mix(EVALUATE.out.tables, ch_skipped).map { meta, tables -> tuple(meta.id, tables) }.groupTuple())
            .join(ch_methods.map { id, method -> tuple(id, method.method) }.groupTuple())
            .map { id, check, record, tables, methods ->
                def files = tables.flatten().sort { path -> path.name }
                def headline = methods.find { method -> files.any { path -> path.name == "${method}.fractions.tsv" } }
                tuple([id: id, headline: headline ?: ''], check, record, files)
            }
    )

    channel.topic('versions')
        .unique()
        .map { process, tool, version -> "${process.tokenize(':').last()}\t${tool}\t${version}" }
        .collectFile(name: 'versions.tsv', storeDir: tracedir, newLine: true, sort: true)

    emit:
    fractions = PREDICT.out.fractions // channel: [ meta, fractions.tsv, fractions_long.tsv ]
    metrics = EVALUATE.out.metrics // channel: [ meta, metrics.tsv ]
    attributions = EXPLAIN.out.attributions // channel: [ meta, files ], if asked for
    expression = EXPRESS.out.expression // channel: [ meta, expression.h5ad ], if asked for
    skipped = ch_skipped.mix(EXPLAIN.out.skipped, EXPRESS.out.skipped) // channel: [ meta, run record with the reason ]
    reports = REPORT.out.report // channel: [ meta, report.html ]
}
