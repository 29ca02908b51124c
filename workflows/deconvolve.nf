// From a samplesheet to fractions and a report: every row by every method.

include { SAMPLESHEET } from '../modules/local/unmix/samplesheet/main.nf'
include { REFERENCE } from '../modules/local/unmix/reference/main.nf'
include { CHECK } from '../modules/local/unmix/check/main.nf'
include { TRAIN } from '../modules/local/unmix/train/main.nf'
include { PREDICT } from '../modules/local/unmix/predict/main.nf'
include { CONSENSUS } from '../modules/local/unmix/consensus/main.nf'
include { EXPLAIN } from '../modules/local/unmix/explain/main.nf'
include { EXPRESS } from '../modules/local/unmix/express/main.nf'
include { EVALUATE } from '../modules/local/unmix/evaluate/main.nf'
include { COMPARE } from '../modules/local/unmix/compare/main.nf'
include { REPORT } from '../modules/local/unmix/report/main.nf'
include { INDEX } from '../modules/local/unmix/index/main.nf'

// The columns of the samplesheet that name one file
def columns_of_files() {
    return ['bulk', 'reference', 'truth', 'label_map', 'cell_type_tree', 'calibration_bulk', 'calibration_fractions', 'gene_map', 'ontology', 'mrna_per_cell', 'prior']
}

// The file of a path, or nothing
def file_of(text) {
    return text ? file(text, glob: false) : []
}

// What is wrong with a file that does not exist
def no_file(column, path) {
    return [exit_code: 65, found: "there is no file ${path.toUriString()}", expected: "${column}, relative to the samplesheet's folder or absolute", 'do': 'correct the path in the samplesheet']
}

// A file in a folder named by its content, so that a run that is resumed finds it unchanged
def kept(name, text) {
    def path = file("${workflow.workDir}/kept/${text.md5()}/${name}")
    if (!path.exists()) {
        path.parent.mkdirs()
        path.text = text
    }
    return path
}

// A record of what cannot be done, as the scripts write it (docs/data_contracts.md)
def skipped_record(name, step, error) {
    return kept("${name}.skipped.json", groovy.json.JsonOutput.toJson([step: step, method: [name: name], error: error]))
}

// The genes to learn from, of a bulk that has few of the reference's; otherwise nothing
def genes_of(bulk) {
    def shared = bulk.resolveSibling('shared_genes.txt')
    return shared.exists() ? kept('shared_genes.txt', shared.text) : []
}

// What was asked for, as JSON: the command (a run that is resumed is the same), the parameters, and a row of the samplesheet
def request_of(samplesheet, settings, row) {
    def parameters = new groovy.json.JsonSlurper().parseText(settings).collectEntries { name, value -> [name, value == null ? '' : value.toString()] }
    def given = row.collectEntries { column, value -> [column, value instanceof List ? value.collect { entry -> entry.findAll().join('=') }.join(';') : value.toString()] }
    def command = workflow.commandLine.replaceAll(/ -resume( +[0-9a-f-]{36})?/, '')
    return groovy.json.JsonOutput.toJson([command: [command], samplesheet: samplesheet.name, row: given, parameters: parameters])
}

// What stands in a record
def told_by(record) {
    return new groovy.json.JsonSlurper().parseText(record.text)
}

// A line of the summary: the columns below, separated by tabs
def summary_columns() {
    return ['id', 'method', 'status', 'step', 'found', 'do']
}

def summary_line(id, method, has_fractions, record) {
    def told = record ? told_by(record) : [step: '', error: [exit_code: 0, found: '', 'do': '']]
    def status = has_fractions ? 'done' : told.error.exit_code == 99 ? 'skipped' : 'failed'
    return [id, method, status, told.step, told.error.found, told.error['do']].collect { cell -> cell.toString().replaceAll(/\s+/, ' ') }.join('\t')
}

workflow DECONVOLVE {
    take:
    samplesheet // file: the samplesheet as the user wrote it
    settings // string: all parameters as JSON
    outdir // string: folder of the results
    tracedir // string: folder for the versions
    explain // boolean: also attribute the fractions to genes
    express // boolean: also estimate the expression of every cell type, for the methods that can
    samples // file: table of samples whose groups are compared, or nothing
    contrasts // file: the questions to it, or nothing

    main:
    SAMPLESHEET(
        samplesheet,
        samplesheet.parent.toUriString(),
        settings,
        file("${projectDir}/assets/schema_input.json"),
        file("${projectDir}/nextflow_schema.json"),
    )
    // A row or a method whose files are missing is reported; the others go on
    ch_sheet = SAMPLESHEET.out.rows
        .splitJson()
        .map { row ->
            // these are paths, which are absolute by now, or names of a source (obs: columns of the cells)
            def sources = ['mrna_per_cell', 'cell_type_tree', 'prior'].collectEntries { column -> [column, row[column].contains('/') && !row[column].startsWith('obs:') ? '' : row[column]] }
            row + [mrna_source: sources.mrna_per_cell, tree_source: sources.cell_type_tree, prior_source: sources.prior] + columns_of_files().collectEntries { column -> [column, file_of(sources[column] ? '' : row[column])] }
        }
        .map { row -> tuple(row, columns_of_files().find { column -> row[column] && !row[column].exists() }) }
    ch_rows = ch_sheet.filter { _row, missing -> !missing }.map { row, _missing -> row }
    ch_jobs_of_sheet = SAMPLESHEET.out.jobs
        .splitJson()
        .map { job -> tuple(job.id, job + [published: job.published.collect { path -> file_of(path) }]) }
    ch_methods = ch_jobs_of_sheet.filter { _id, job -> job.published.every { path -> path.exists() } }

    // Rows that share a reference and all that is said of it have one reference_name: it is prepared once
    REFERENCE(
        ch_rows
            .map { row -> tuple([reference: row.reference_name, kind: row.reference_kind, cell_type_key: row.cell_type_key, cell_state_key: row.cell_state_key, donor_key: row.donor_key, tree_source: row.tree_source], row.reference, row.label_map, row.cell_type_tree) }
            .unique()
    )
    ch_references = REFERENCE.out.reference.map { meta, reference -> tuple(meta.reference, reference) }

    CHECK(
        ch_rows
            .map { row -> tuple(row.reference_name, [id: row.id, reference: row.reference_name, unit: row.unit, orthologs: row.orthologs == 'true'], row.bulk, row.gene_map) }
            .combine(ch_references, by: 0)
            .map { _name, meta, bulk, gene_map, reference -> tuple(meta, bulk, reference, gene_map) }
    )

    // A model belongs to its reference, and to the genes of a bulk that has few of the reference's; only that of a method
    // which learns from a row's own samples belongs to the row
    ch_jobs = CHECK.out.bulk
        .map { meta, bulk -> tuple(meta.id, meta, bulk) }
        .join(ch_rows.map { row -> tuple(row.id, row) })
        .combine(ch_methods, by: 0)
        .map { id, meta, bulk, row, method ->
            def needs_bulk = method.needs_bulk
            def needs_calibration = method.needs_calibration
            def genes = genes_of(bulk)
            def model = [
                reference: meta.reference,
                method: method.method,
                deep: method.deep,
                takes: method.takes.replace('_', '-'),
                id: needs_bulk || needs_calibration || method.needs_prior ? id : '',
                prior: method.needs_prior ? row.prior_source : '',
                malignant: method.needs_malignant ? row.malignant : '',
                genes: genes ? genes.text.md5().take(8) : '',
                calibration_unit: needs_calibration ? row.calibration_unit : '',
                orthologs: needs_calibration && row.orthologs == 'true',
                // a text: were the folder named in the process, its changes would make every task new
                checkpoints: workflow.workDir.scheme == 'file' ? "${workflow.workDir}/checkpoints".toString() : '',
            ]
            def calibration = needs_calibration ? [row.calibration_bulk, row.calibration_fractions] : [[], []]
            def gene_map = needs_calibration ? row.gene_map : []
            tuple(model, [needs_bulk ? bulk : []] + calibration + [method.published, row.ontology, genes, method.needs_prior ? row.prior : [], gene_map], [id: id, method: method.method, control: method.control, panel: method.panel, expresses: method.expresses], bulk)
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
            .map { _id, meta, model, bulk, row -> tuple(meta, model, bulk, row.mrna_source, row.mrna_per_cell, row.prior_source, row.prior) }
    )
    CONSENSUS(
        PREDICT.out.tables
            .filter { meta, _tables -> meta.panel }
            .map { meta, tables -> tuple(meta.id, tables) }
            .groupTuple()
            .map { id, tables -> tuple([id: id, method: 'consensus', control: false, panel: false, expresses: false], tables.flatten().sort { path -> path.name }) }
    )
    EXPLAIN(ch_trained.filter { meta, _model, _bulk -> explain && !meta.control })
    EXPRESS(ch_trained.filter { meta, _model, _bulk -> express && meta.expresses })
    EVALUATE(
        PREDICT.out.fractions
            .mix(CONSENSUS.out.fractions)
            .map { meta, fractions, fractions_long -> tuple(meta.id, meta, fractions, fractions_long) }
            .combine(ch_rows.filter { row -> row.truth }.map { row -> tuple(row.id, row.truth) }, by: 0)
            .map { _id, meta, fractions, fractions_long, truth -> tuple(meta, fractions, fractions_long, truth) }
    )
    COMPARE(
        PREDICT.out.tables
            .mix(CONSENSUS.out.tables)
            .filter { meta, _tables -> samples && !meta.control }
            .map { meta, tables -> tuple(meta, tables, samples, contrasts) }
    )

    // Why a row cannot be used, and why a method cannot be used on it: [ id, record ] and [ id, method, record ]
    ch_unusable = ch_sheet
        .filter { _row, missing -> missing }
        .map { row, missing -> tuple(row.id, skipped_record('samplesheet', 'samplesheet', no_file(missing, row[missing]))) }
        .mix(
            REFERENCE.out.skipped
                .map { meta, record -> tuple(meta.reference, record) }
                .combine(ch_rows.map { row -> tuple(row.reference_name, row.id) }, by: 0)
                .map { _name, record, id -> tuple(id, record) },
            CHECK.out.skipped.map { meta, record -> tuple(meta.id, record) },
        )
    ch_without_fractions = ch_jobs
        .map { model, _extra, meta, _bulk -> tuple(model, meta) }
        .combine(TRAIN.out.skipped, by: 0)
        .map { _model, meta, record -> tuple(meta, record) }
        .mix(PREDICT.out.skipped)
        .map { meta, record -> tuple(meta.id, meta.method, record) }
        .mix(
            ch_jobs_of_sheet
                .map { id, job -> tuple(id, job, job.published.find { path -> !path.exists() }) }
                .filter { _id, _job, missing -> missing }
                .map { id, job, missing -> tuple(id, job.method, skipped_record(job.method, 'samplesheet', no_file(job.takes, missing))) }
        )

    // Every method of every row has fractions or a record, or its task ended by an error or a kill (conf/base.config)
    ch_ended = ch_jobs_of_sheet
        .map { id, job -> tuple(id, job.method, 'asked') }
        .mix(
            PREDICT.out.fractions.map { meta, _fractions, _long -> tuple(meta.id, meta.method, 'done') },
            ch_without_fractions,
            ch_unusable.combine(ch_jobs_of_sheet, by: 0).map { id, record, job -> tuple(id, job.method, record) },
        )
        .groupTuple(by: [0, 1])
        .map { id, method, ends ->
            tuple(id, method, ends.find { end -> end != 'asked' } ?: skipped_record(method, 'run', [exit_code: 1, found: "a task of ${method} ended without a result, by an error of the program or the machine, or for want of memory or time", expected: 'tasks that end', 'do': 'see .nextflow.log and trace.txt; if the exit is 1, please report it']))
        }

    // The consensus of every row that asks for one, in the same way
    ch_ended_consensus = ch_jobs_of_sheet
        .filter { _id, job -> job.panel }
        .map { id, _job -> tuple(id, 'asked') }
        .unique()
        .mix(
            CONSENSUS.out.fractions.map { meta, _fractions, _long -> tuple(meta.id, 'done') },
            CONSENSUS.out.skipped.map { meta, record -> tuple(meta.id, record) },
            ch_unusable,
        )
        .groupTuple()
        .filter { _id, ends -> 'asked' in ends }
        .map { id, ends ->
            tuple(id, 'consensus', ends.find { end -> end != 'asked' } ?: skipped_record('consensus', 'consensus', [exit_code: 1, found: 'no method of the consensus gave fractions, or its task ended without a result', expected: 'fractions of two methods or more', 'do': 'see the lines of its methods']))
        }

    // A report for every row, also of one that cannot be used
    REPORT(
        PREDICT.out.tables
            .mix(CONSENSUS.out.tables, CONSENSUS.out.skipped, EVALUATE.out.tables, EVALUATE.out.skipped, COMPARE.out.tables, COMPARE.out.skipped, EXPLAIN.out.attributions, EXPLAIN.out.skipped)
            .map { meta, tables -> tuple(meta.id, [tables: [tables].flatten()]) }
            .mix(
                ch_ended.filter { _id, _method, end -> end != 'done' }.map { id, _method, record -> tuple(id, [tables: [record]]) },
                CHECK.out.check.map { meta, check -> tuple(meta.id, [check: check]) },
                REFERENCE.out.record
                    .map { meta, record -> tuple(meta.reference, record) }
                    .combine(ch_rows.map { row -> tuple(row.reference_name, row.id) }, by: 0)
                    .map { _name, record, id -> tuple(id, [reference: record]) },
            )
            .groupTuple()
            .join(ch_jobs_of_sheet.map { id, job -> tuple(id, job.method) }.groupTuple())
            .join(SAMPLESHEET.out.rows.splitJson().map { row -> tuple(row.id, request_of(samplesheet, settings, row)) })
            .map { id, parts, methods, request ->
                def tables = parts.collectMany { part -> part.tables ?: [] }.unique().sort { path -> path.name }
                def headline = (['consensus'] + methods).find { method -> tables.any { path -> path.name == "${method}.fractions.tsv" } }
                tuple([id: id, headline: headline ?: ''], parts.findResult([]) { part -> part.check }, parts.findResult([]) { part -> part.reference }, tables, request)
            }
    )

    ch_summary = ch_ended
        .mix(ch_ended_consensus, EVALUATE.out.skipped.mix(COMPARE.out.skipped).map { meta, record -> tuple(meta.id, meta.method, record) })
        .groupTuple(by: [0, 1])
        .map { id, method, ends -> summary_line(id, method, 'done' in ends, ends.find { end -> end != 'done' }) }
        .collectFile(name: 'summary.tsv', storeDir: outdir, newLine: true, sort: true, seed: summary_columns().join('\t'))

    def request = request_of(samplesheet, settings, [:])
    INDEX(
        ch_summary.map { summary -> kept('summary.tsv', summary.text) },
        REPORT.out.facts.map { meta, facts -> kept("${meta.id}.json", facts.text) }.toSortedList { path -> path.name },
        request,
    )
    channel.of(request).collectFile(name: 'request.json', storeDir: tracedir)
    channel.of(samplesheet.text).collectFile(name: samplesheet.name, storeDir: tracedir)

    channel.topic('versions')
        .unique()
        .map { process, tool, version -> "${process.tokenize(':').last()}\t${tool}\t${version}" }
        .collectFile(name: 'versions.tsv', storeDir: tracedir, newLine: true, sort: true)

    emit:
    fractions = PREDICT.out.fractions.mix(CONSENSUS.out.fractions) // channel: [ meta, fractions.tsv, fractions_long.tsv ]
    metrics = EVALUATE.out.metrics // channel: [ meta, metrics.tsv ]
    effects = COMPARE.out.effects // channel: [ meta, effects.tsv ], where there is a table of samples
    attributions = EXPLAIN.out.attributions // channel: [ meta, files ], if asked for
    expression = EXPRESS.out.expression // channel: [ meta, expression.h5ad ], if asked for
    skipped = ch_unusable
        .map { id, record -> tuple([id: id, method: ''], record) }
        .mix(
            ch_without_fractions.map { id, method, record -> tuple([id: id, method: method], record) },
            CONSENSUS.out.skipped,
            EVALUATE.out.skipped,
            COMPARE.out.skipped,
            EXPLAIN.out.skipped,
            EXPRESS.out.skipped,
        ) // channel: [ meta, run record with the reason ]; of a whole row the method is ''
    summary = ch_summary // channel: summary.tsv, a line for every method of every row
    reports = REPORT.out.report // channel: [ meta, report.html ]
    index = INDEX.out.index // channel: index.html, a line for every row
}
