// Reference preparation: every reference once, and every bulk checked against its own.

include { UNMIX_CHECK     } from '../../../modules/local/unmix/check/main.nf'
include { UNMIX_REFERENCE } from '../../../modules/local/unmix/reference/main.nf'

// What is said of a reference: rows that share it have one reference_name
def meta_of_reference(row) {
    return [
        id: row.reference_name,
        kind: row.reference_kind,
        cell_type_key: row.cell_type_key,
        cell_state_key: row.cell_state_key,
        donor_key: row.donor_key,
        cell_type_tree: row.tree_source,
    ]
}

workflow UNMIX_PREPARE {
    take:
    rows // channel: a map per row of the samplesheet: id, bulk, reference, reference_name and the other columns

    main:
    UNMIX_REFERENCE(
        rows
            .map { row -> tuple(meta_of_reference(row), row.reference, row.cells, row.label_map, row.cell_type_tree) }
            .unique()
    )
    ch_references = UNMIX_REFERENCE.out.reference.map { meta, reference -> tuple(meta.id, reference) }
    ch_ids = rows.map { row -> tuple(row.reference_name, row.id) }

    UNMIX_CHECK(
        rows
            .map { row -> tuple(row.reference_name, row) }
            .combine(ch_references, by: 0)
            .map { name, row, reference ->
                def meta = [id: row.id, reference: name, unit: row.unit, orthologs: row.orthologs == 'true']
                tuple(meta, row.bulk, reference, row.gene_map)
            }
    )

    emit:
    references = ch_references // channel: [ name, prepared reference ]
    bulks = UNMIX_CHECK.out.bulk // channel: [ meta, bulk.h5ad ]
    parts = UNMIX_CHECK.out.check
        .map { meta, check -> tuple(meta.id, [check: check]) }
        .mix(
            UNMIX_REFERENCE.out.record
                .map { meta, record -> tuple(meta.id, record) }
                .combine(ch_ids, by: 0)
                .map { _name, record, id -> tuple(id, [reference: record]) }
        ) // channel: [ id of the row, check: folder or reference: run record ], for the report
    skipped = UNMIX_CHECK.out.skipped
        .map { meta, record -> tuple(meta.id, record) }
        .mix(
            UNMIX_REFERENCE.out.skipped
                .map { meta, record -> tuple(meta.id, record) }
                .combine(ch_ids, by: 0)
                .map { _name, record, id -> tuple(id, record) }
        ) // channel: [ id of the row, run record with the reason ]
}
