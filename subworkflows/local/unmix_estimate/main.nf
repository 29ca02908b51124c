// Training and prediction: every row by every method, their consensus, and what explains them.

include { UNMIX_TRAIN     } from '../../../modules/local/unmix/train/main.nf'
include { UNMIX_PREDICT   } from '../../../modules/local/unmix/predict/main.nf'
include { UNMIX_CONSENSUS } from '../../../modules/local/unmix/consensus/main.nf'
include { UNMIX_EXPLAIN   } from '../../../modules/local/unmix/explain/main.nf'
include { UNMIX_EXPRESS   } from '../../../modules/local/unmix/express/main.nf'
include { kept            } from '../unmix_records.nf'

// The genes to learn from, of a bulk that has few of the reference's; otherwise nothing
def genes_of(bulk) {
    def shared = bulk.resolveSibling('shared_genes.txt')
    return shared.exists() ? kept('shared_genes.txt', shared.text) : []
}

// A model belongs to its reference, and to the genes of a bulk that has few of the reference's; only that of a method
// which learns from a row's own samples belongs to the row. `files`: the option of unmix_train.py to its files.
def job_of(row, method, bulk) {
    def genes = genes_of(bulk)
    def calibrated = method.needs_calibration
    def own = method.needs_bulk || calibrated || method.needs_prior
    def model = [
        id: own ? row.id : row.reference_name,
        reference: row.reference_name,
        method: method.method,
        deep: method.deep,
        prior: method.needs_prior ? row.prior_source : '',
        malignant: method.needs_malignant ? row.malignant : '',
        genes: genes ? genes.text.md5().take(8) : '',
        calibration_unit: calibrated ? row.calibration_unit : '',
        orthologs: calibrated && row.orthologs == 'true',
        // a text: were the folder named in the process, its changes would make every task new
        checkpoints: workflow.workDir.scheme == 'file' ? "${workflow.workDir}/checkpoints".toString() : '',
    ]
    def files = [
        bulk: method.needs_bulk ? bulk : [],
        'calibration-bulk': calibrated ? row.calibration_bulk : [],
        'calibration-fractions': calibrated ? row.calibration_fractions : [],
        'gene-map': calibrated ? row.gene_map : [],
        (method.takes.replace('_', '-')): method.published,
        ontology: row.ontology,
        genes: genes,
        prior: method.needs_prior ? row.prior : [],
    ]
    def meta = [
        id: row.id,
        method: method.method,
        control: method.control,
        panel: method.panel,
        expresses: method.expresses,
        mrna_per_cell: row.mrna_source,
        prior: row.prior_source,
    ]
    return [model: model, files: options_and_files(files), meta: meta, bulk: bulk, row: row]
}

// [ names, files ]: the name of its option for every file that there is
def options_and_files(files) {
    def pairs = files.collectMany { name, some -> [some].flatten().collect { file -> [name, file] } }
    return [pairs.collect { pair -> pair[0] }, pairs.collect { pair -> pair[1] }]
}

// The fractions of mRNA of a method's tables, or those that it has, which unmix_express.py refuses with the reason
def fractions_of(tables) {
    return ['fractions_mrna.tsv', 'fractions.tsv'].findResult { name ->
        [tables].flatten().find { path -> path.name.endsWith(".${name}") }
    }
}

workflow UNMIX_ESTIMATE {
    take:
    rows // channel: a map per row of the samplesheet
    jobs // channel: a map per row and method: id, method, and what the registry says of it
    bulks // channel: [ meta, bulk.h5ad ], checked
    references // channel: [ name, prepared reference ]
    options // map: explain, express, type_expression, if asked for; samples, contrasts: tables of groups

    main:
    ch_jobs = bulks
        .map { meta, bulk -> tuple(meta.id, bulk) }
        .join(rows.map { row -> tuple(row.id, row) })
        .combine(jobs.map { job -> tuple(job.id, job) }, by: 0)
        .map { _id, bulk, row, method -> job_of(row, method, bulk) }
    UNMIX_TRAIN(
        ch_jobs
            .map { job -> tuple(job.model.reference, job.model, job.files) }
            .unique()
            .combine(references, by: 0)
            .map { _name, model, files, reference -> tuple(model, reference, files[0], files[1]) }
    )
    ch_trained = ch_jobs
        .map { job -> tuple(job.model, job) }
        .combine(UNMIX_TRAIN.out.model, by: 0)
        .map { _model, job, trained -> job + [trained: trained] }
    UNMIX_PREDICT(
        ch_trained.map { job ->
            def files = options_and_files(['mrna-per-cell': job.row.mrna_per_cell, prior: job.row.prior])
            tuple(job.meta, job.trained, job.bulk, files[0], files[1])
        }
    )
    UNMIX_CONSENSUS(
        UNMIX_PREDICT.out.tables
            .filter { meta, _tables -> meta.panel }
            .map { meta, tables -> tuple(meta.id, tables) }
            .groupTuple()
            .map { id, tables ->
                def meta = [id: id, method: 'consensus', control: false, panel: false, expresses: false]
                tuple(meta, tables.flatten().sort { path -> path.name })
            }
    )
    UNMIX_EXPLAIN(
        ch_trained
            .filter { job -> options.explain && !job.meta.control }
            .map { job -> tuple(job.meta, job.trained, job.bulk) }
    )
    // From the fractions of a method; of the consensus by the model of one of its members, all of one reference
    ch_answers = UNMIX_PREDICT.out.tables
        .filter { meta, _tables -> options.type_expression && !meta.control }
        .join(ch_trained.map { job -> tuple(job.meta, job.trained, job.bulk) })
    ch_of_consensus = ch_answers
        .filter { meta, _tables, _model, _bulk -> meta.panel }
        .map { meta, _tables, model, bulk -> tuple(meta.id, [meta.method, model, bulk]) }
        .groupTuple()
        .join(UNMIX_CONSENSUS.out.tables.map { meta, tables -> tuple(meta.id, meta, tables) })
        .map { _id, members, meta, tables ->
            def member = members.min { one -> one[0] }
            tuple(meta, tables, member[1], member[2])
        }
    UNMIX_EXPRESS(
        ch_trained
            .filter { job -> options.express && job.meta.expresses }
            .map { job -> tuple(job.meta, job.trained, job.bulk, [], [], []) }
            .mix(
                ch_answers
                    .mix(ch_of_consensus)
                    .map { meta, tables, model, bulk ->
                        tuple(meta, model, bulk, fractions_of(tables), options.samples ?: [], options.contrasts ?: [])
                    }
            )
    )

    emit:
    fractions = UNMIX_PREDICT.out.fractions.mix(UNMIX_CONSENSUS.out.fractions) // channel: [ meta, fractions, long ]
    tables = UNMIX_PREDICT.out.tables.mix(UNMIX_CONSENSUS.out.tables) // channel: [ meta, tables ]
    attributions = UNMIX_EXPLAIN.out.attributions // channel: [ meta, files ]
    expression = UNMIX_EXPRESS.out.expression // channel: [ meta, expression.h5ad or type_expression.h5ad ]
    differential = UNMIX_EXPRESS.out.differential // channel: [ meta, profiles by group and differences ]
    without_fractions = ch_jobs
        .map { job -> tuple(job.model, job.meta) }
        .combine(UNMIX_TRAIN.out.skipped, by: 0)
        .map { _model, meta, record -> tuple(meta, record) }
        .mix(UNMIX_PREDICT.out.skipped) // channel: [ meta, run record with the reason ]
    without_consensus = UNMIX_CONSENSUS.out.skipped // channel: [ meta, record ]
    without_attributions = UNMIX_EXPLAIN.out.skipped // channel: [ meta, record ]
    without_expression = UNMIX_EXPRESS.out.skipped // channel: [ meta, record ]
}
