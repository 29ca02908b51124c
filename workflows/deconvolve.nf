// From a samplesheet to fractions and a report: every row by every method.

include { UNMIX_SAMPLESHEET } from '../modules/local/unmix/samplesheet/main.nf'
include { UNMIX_PREPARE     } from '../subworkflows/local/unmix_prepare/main.nf'
include { UNMIX_ESTIMATE    } from '../subworkflows/local/unmix_estimate/main.nf'
include { UNMIX_REPORTS     } from '../subworkflows/local/unmix_reports/main.nf'
include { no_file ; skipped_record } from '../subworkflows/local/unmix_records.nf'

// The columns of the samplesheet that name one file
def columns_of_files() {
    return [
        'bulk', 'reference', 'cells', 'truth', 'label_map', 'cell_type_tree', 'calibration_bulk',
        'calibration_fractions', 'gene_map', 'ontology', 'mrna_per_cell', 'prior',
    ]
}

// The file of a path, or nothing
def file_of(text) {
    return text ? file(text, glob: false) : []
}

// A row with files for paths. Some columns hold a path, which is absolute by now, or the name of a source (obs: columns
// of the cells)
def with_files(row) {
    def sources = ['mrna_per_cell', 'cell_type_tree', 'prior'].collectEntries { column ->
        def is_path = row[column].contains('/') && !row[column].startsWith('obs:')
        [column, is_path ? '' : row[column]]
    }
    def files = columns_of_files().collectEntries { column -> [column, file_of(sources[column] ? '' : row[column])] }
    def names = [mrna_source: sources.mrna_per_cell, tree_source: sources.cell_type_tree, prior_source: sources.prior]
    return row + names + files
}

// What was asked for, as JSON: the command (a run that is resumed is the same), the parameters, and a row of the
// samplesheet
def request_of(samplesheet, settings, configs, row) {
    def parameters = settings.collectEntries { name, value -> [name, value == null ? '' : value.toString()] }
    def given = row.collectEntries { column, value ->
        def entries = value instanceof List ? value.collect { entry -> entry.findAll().join('=') } : [value.toString()]
        [column, entries.join(';')]
    }
    def command = workflow.commandLine.replaceAll(/ -resume( +[0-9a-f-]{36})?/, '')
    // what unmix_repeat.py needs beside these: the profile, further files of settings, and the folder of the command
    def origin = [folder: "${workflow.launchDir}", profile: workflow.profile, configs: configs]
    def nextflow_version = [nextflow: "${nextflow.version}"]
    return groovy.json.JsonOutput.toJson(
        [command: [command], samplesheet: samplesheet.name, row: given, parameters: parameters] + origin +
            nextflow_version
    )
}

workflow DECONVOLVE {
    take:
    samplesheet // channel: [ samplesheet, folder of its relative paths ]
    settings // map: parameters, checked with the samplesheet: methods, controls (nextflow_schema.json)
    options // map: explain, express, type_expression: booleans; samples, contrasts: tables; outdir: of summary.tsv;
    // configs: paths of the user's settings, for the record

    main:
    UNMIX_SAMPLESHEET(
        samplesheet.map { sheet, folder -> tuple(settings, sheet, folder) },
        ['assets/schema_input.json', 'nextflow_schema.json'].collect { name -> file("${moduleDir}/../${name}") },
    )
    // A row or a method whose files are missing is reported; the others go on
    ch_sheet = UNMIX_SAMPLESHEET.out.rows
        .splitJson()
        .map { row -> with_files(row) }
        .map { row -> tuple(row, columns_of_files().find { column -> row[column] && !row[column].exists() }) }
    ch_rows = ch_sheet.filter { _row, missing -> !missing }.map { row, _missing -> row }
    ch_jobs = UNMIX_SAMPLESHEET.out.jobs
        .splitJson()
        .map { job -> job + [published: job.published.collect { path -> file_of(path) }] }
        .map { job -> job + [missing: job.published.find { path -> !path.exists() }] }

    UNMIX_PREPARE(ch_rows)
    UNMIX_ESTIMATE(
        ch_rows,
        ch_jobs.filter { job -> !job.missing },
        UNMIX_PREPARE.out.bulks,
        UNMIX_PREPARE.out.references,
        options,
    )

    ch_request = samplesheet.map { sheet, _folder -> request_of(sheet, settings, options.configs ?: [], [:]) }
    ch_requests = UNMIX_SAMPLESHEET.out.rows
        .splitJson()
        .combine(samplesheet)
        .map { row, sheet, _folder -> tuple(row.id, request_of(sheet, settings, options.configs ?: [], row)) }
        .mix(ch_request.map { request -> tuple('', request) })

    // Why a row cannot be used, and why a method cannot be used on it: [ id, record ] and [ meta, record ]
    ch_unusable = ch_sheet
        .filter { _row, missing -> missing }
        .map { row, missing ->
            tuple(row.id, skipped_record('samplesheet', 'samplesheet', no_file(missing, row[missing])))
        }
        .mix(UNMIX_PREPARE.out.skipped)
    ch_without_fractions = ch_jobs
        .filter { job -> job.missing }
        .map { job ->
            def record = skipped_record(job.method, 'samplesheet', no_file(job.takes, job.missing))
            tuple([id: job.id, method: job.method], record)
        }
        .mix(UNMIX_ESTIMATE.out.without_fractions)

    UNMIX_REPORTS(
        ch_rows,
        ch_jobs,
        [
            fractions: UNMIX_ESTIMATE.out.fractions,
            tables: UNMIX_ESTIMATE.out.tables,
            without_fractions: ch_without_fractions,
            without_consensus: UNMIX_ESTIMATE.out.without_consensus,
            attributions: UNMIX_ESTIMATE.out.attributions,
            without_attributions: UNMIX_ESTIMATE.out.without_attributions,
        ],
        UNMIX_PREPARE.out.parts,
        ch_unusable,
        ch_requests,
        options,
    )

    emit:
    fractions = UNMIX_ESTIMATE.out.fractions // channel: [ meta, fractions.tsv, fractions_long.tsv ]
    metrics = UNMIX_REPORTS.out.metrics // channel: [ meta, metrics.tsv ]
    effects = UNMIX_REPORTS.out.effects // channel: [ meta, effects.tsv ], where there is a table of samples
    attributions = UNMIX_ESTIMATE.out.attributions // channel: [ meta, files ], if asked for
    expression = UNMIX_ESTIMATE.out.expression // channel: [ meta, (type_)expression.h5ad ], if asked for
    differential = UNMIX_ESTIMATE.out.differential // channel: [ meta, profiles by group, differences ], if asked for
    skipped = ch_unusable
        .map { id, record -> tuple([id: id, method: ''], record) }
        .mix(
            ch_without_fractions,
            UNMIX_ESTIMATE.out.without_consensus,
            UNMIX_ESTIMATE.out.without_attributions,
            UNMIX_ESTIMATE.out.without_expression,
            UNMIX_REPORTS.out.skipped,
        ) // channel: [ meta, run record with the reason ]; of a whole row the method is ''
    without_result = UNMIX_REPORTS.out.without_result
        .mix(UNMIX_ESTIMATE.out.without_attributions, UNMIX_ESTIMATE.out.without_expression)
        // channel: [ meta, record ], of every method of every row, also of a row that cannot be used, and of its steps
    summary = UNMIX_REPORTS.out.summary // channel: summary.tsv, a line for every method of every row
    reports = UNMIX_REPORTS.out.reports // channel: [ meta, report.html ]
    index = UNMIX_REPORTS.out.index // channel: index.html, a line for every row
    request = ch_request // channel: JSON of what was asked for
}
